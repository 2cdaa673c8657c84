"""Does a kernel fit this machine? Its modules and initrd, and what the machine needs."""
