"""Facts, findings, plans and states in words, for both front ends, and answers in JSON."""
