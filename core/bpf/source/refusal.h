/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why a parser gives up, in numbers and in words. */
#ifndef WARMBOOT_REFUSAL_H
#define WARMBOOT_REFUSAL_H

#include "interface.h"

enum refusal {
	ACCEPTED,
	NO_IMAGE,
	TOO_SHORT,
	UNREADABLE,
	NOT_ZBOOT,
	OUTSIDE,
	TOO_SMALL,
	TOO_LARGE,
	NOT_PE,
	NO_KERNEL,
	BAD_ELF,
	ADDON_ALONE,
};

/* The cause, for the kernel's trace log. The words are those of warmboot itself. */
static __always_inline void tell(enum refusal refusal)
{
	switch (refusal) {
	case ACCEPTED:
		break;
	case NO_IMAGE:
		bpf_printk("warmboot: there is no image");
		break;
	case TOO_SHORT:
		bpf_printk("warmboot: the image is shorter than its header");
		break;
	case UNREADABLE:
		bpf_printk("warmboot: the image's memory cannot be read");
		break;
	case NOT_ZBOOT:
		bpf_printk("warmboot: the image is not zboot");
		break;
	case OUTSIDE:
		bpf_printk("warmboot: the header names bytes outside the image");
		break;
	case TOO_SMALL:
		bpf_printk("warmboot: the payload is empty");
		break;
	case TOO_LARGE:
		bpf_printk("warmboot: the payload is larger than this parser's record");
		break;
	case NOT_PE:
		bpf_printk("warmboot: the image is not a PE file");
		break;
	case NO_KERNEL:
		bpf_printk("warmboot: there is no kernel in the image");
		break;
	case BAD_ELF:
		bpf_printk("warmboot: the envelope's ELF header is not one that parsers read");
		break;
	case ADDON_ALONE:
		bpf_printk("warmboot: the add-on comes without the joined command line");
		break;
	}
}

#endif
