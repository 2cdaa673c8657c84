/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parser of dialect 7: an envelope's signed image is put before the kernel's verification, then
 * its parts are handed over, then DONE. Without DONE the kernel keeps nothing, so a parser that
 * cannot go on says nothing more.
 */
#include "maps.h"
#include "parse.h"

static __always_inline int send(char *record, __u64 size, struct bpf_parser_context *context)
{
	return size ? bpf_buffer_parser(record, size, context) : -1;
}

static __always_inline int send_piece(char *record, const struct image *image,
				      const struct piece *piece,
				      struct bpf_parser_context *context)
{
	return piece->size ? send(record, fill(record, image, piece), context) : 0;
}

static __always_inline int send_all(char *record, const struct image *image,
				    const struct pieces *pieces,
				    struct bpf_parser_context *context)
{
	struct command *command = (struct command *)record;

	if (send_piece(record, image, &pieces->verify, context) < 0 ||
	    send_piece(record, image, &pieces->addon, context) < 0 ||
	    send_piece(record, image, &pieces->kernel, context) < 0 ||
	    send_piece(record, image, &pieces->initrd, context) < 0 ||
	    send_piece(record, image, &pieces->cmdline, context) < 0)
		return -1;
	__builtin_memset(command, 0, sizeof(*command));
	command->cmd = CMD_DONE;
	return send(record, sizeof(*command), context);
}

SEC("fentry.s/kexec_image_parser_anchor")
int BPF_PROG(parse_pe, struct kexec_context *kexec, unsigned long id)
{
	struct image image = {
		.start = BPF_CORE_READ(kexec, parsing_buf[0]),
		.size = BPF_CORE_READ(kexec, parsing_buf_sz[0]),
	};
	struct bpf_parser_context *context;
	struct pieces pieces;
	enum refusal refusal = find(&image, &pieces);
	char *record;

	if (refusal) {
		tell(refusal);
		return 0;
	}
	record = bpf_ringbuf_reserve(&ringbuf_1, RECORD, 0);
	if (!record) {
		bpf_printk("warmboot: no record of %d bytes", (int)RECORD);
		return 0;
	}
	context = bpf_get_parser_context(id);
	if (context) {
		if (send_all(record, &image, &pieces, context) < 0)
			bpf_printk("warmboot: the kernel did not take a command");
		bpf_put_parser_context(context);
	} else {
		bpf_printk("warmboot: the kernel gave no parser context");
	}
	bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
	return 0;
}
