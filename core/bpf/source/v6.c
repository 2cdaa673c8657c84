/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "maps.h"
#include "parse.h"

/* 0 where the kernel took the command. */
static __always_inline int hand_over(char *record, __u64 size, unsigned long id)
{
	struct bpf_parser_context *context = bpf_get_parser_context(id);
	int answer;

	if (!context) {
		bpf_printk("warmboot: the kernel gave no parser context");
		return -1;
	}
	answer = bpf_buffer_parser(record, size, context);
	bpf_put_parser_context(context);
	if (answer < 0) {
		bpf_printk("warmboot: the kernel did not take the command: %d", answer);
		return -1;
	}
	return 0;
}

static __always_inline void give_up(unsigned long id)
{
	char *record = bpf_ringbuf_reserve(&ringbuf_2, NOTHING, 0);

	if (!record) {
		bpf_printk("warmboot: no record to end the kernel's loop with");
		return;
	}
	hand_over(record, fill_nothing(record), id);
	bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
}

/* Some kernels have the size as an unsigned long; both forms are read for what they are. */
static __always_inline __u64 kernel_size(struct kexec_context *kexec)
{
	if (bpf_core_field_size(kexec->kernel_sz) == sizeof(__u64)) {
		__u64 size = 0;

		bpf_core_read(&size, sizeof(size), &kexec->kernel_sz);
		return size;
	} else {
		__s32 size = 0;

		bpf_core_read(&size, sizeof(size), &kexec->kernel_sz);
		return size < 0 ? 0 : size;
	}
}

SEC("fentry.s/kexec_image_parser_anchor")
int BPF_PROG(parse_pe, struct kexec_context *kexec, unsigned long id)
{
	struct image image = {
		.start = BPF_CORE_READ(kexec, kernel),
		.size = kernel_size(kexec),
	};
	struct pieces pieces;
	enum refusal refusal = find(&image, &pieces);
	int taken = 0;
	char *record;
	__u64 size;

	if (refusal) {
		tell(refusal);
		give_up(id);
		return 0;
	}
	record = bpf_ringbuf_reserve(&ringbuf_1, RECORD, 0);
	if (!record) {
		bpf_printk("warmboot: no record of %d bytes", (int)RECORD);
		give_up(id);
		return 0;
	}
	size = fill(record, &image, &pieces.kernel);
	if (size)
		taken = hand_over(record, size, id) == 0;
	else
		tell(UNREADABLE);
	bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
	if (!taken)
		give_up(id);
	return 0;
}
