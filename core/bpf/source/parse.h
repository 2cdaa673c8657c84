/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How an image is taken apart: the same code in every dialect's parser and in the rehearsal. */
#ifndef WARMBOOT_PARSE_H
#define WARMBOOT_PARSE_H

#include "image.h"
#if DIALECT == 7
#include "containers.h"
#endif

#define PE_OFFSET 0x3c /* where a PE file says where its signature is */

static __always_inline enum refusal find(const struct image *image, struct pieces *pieces)
{
	enum refusal refusal;

	__builtin_memset(pieces, 0, sizeof(*pieces));
	if (!image->start)
		return NO_IMAGE;
#if DIALECT == 7
	refusal = find_in_container(image, pieces);
#elif KIND == KIND_COPY
	pieces->kernel.size = image->size;
	pieces->kernel.cmd = CMD_COPY;
	pieces->kernel.target = FOR_KERNEL;
	refusal = ACCEPTED;
#else
	refusal = find_zboot(image, 0, image->size, &pieces->kernel);
#endif
	if (refusal)
		return refusal;
	if (pieces->kernel.size < SMALLEST_PAYLOAD)
		return TOO_SMALL;
	if (pieces->verify.size > ROOM || pieces->addon.size > ROOM || pieces->kernel.size > ROOM ||
	    pieces->initrd.size > ROOM || pieces->cmdline.size + pieces->cmdline.nul > ROOM)
		return TOO_LARGE;
	return ACCEPTED;
}

#if KIND == KIND_COPY
/* What is copied must not be a PE file with a parser again; no loader of an Image looks there. */
static __always_inline void blank_signature(char *image, __u64 size)
{
	__u8 *place = (__u8 *)image + PE_OFFSET;
	__u64 at;

	if (size < ZBOOT_HEADER)
		return;
	at = place[0] | place[1] << 8 | place[2] << 16 | (__u64)place[3] << 24;
	if (at > size - sizeof(__u32))
		return;
	asm volatile("" : "+r"(at));
	if (at > ROOM - sizeof(__u32))
		return;
	image[at] = 0;
	image[at + 1] = 0;
	image[at + 2] = 0;
	image[at + 3] = 0;
}
#endif

/* Fill a record with one command; its length, or 0 where the payload cannot be read. */
static __always_inline __u64 fill(char *record, const struct image *image,
				  const struct piece *piece)
{
	struct command *command = (struct command *)record;
	const char *from = image->start + piece->offset;
	__u64 size = piece->size;

	__builtin_memset(command, 0, sizeof(*command));
	command->cmd = piece->cmd;
	command->subcmd = piece->target;
#if DIALECT == 7
	command->pipeline_flag = piece->flag;
#endif
	command->payload_len = size;
	/*
	 * The bound stands right before the copy: further up the compiler puts the size on the stack
	 * in between, where the verifier of Linux 6.1 forgets it. Without the asm the compiler folds
	 * the bound away before the verifier has seen it.
	 */
	asm volatile("" : "+r"(size), "+r"(from));
	if (size > ROOM)
		return 0;
	if (bpf_probe_read_kernel(record + sizeof(*command), size, from))
		return 0;
#if KIND == KIND_COPY
	blank_signature(record + sizeof(*command), size);
#elif KIND == KIND_UKI
	asm volatile("" : "+r"(size));
	if (piece->nul && size < ROOM) {
		record[sizeof(*command) + size] = 0;
		command->payload_len = ++size;
	}
#endif
	return sizeof(*command) + size;
}

#if DIALECT == 6
/*
 * This dialect parses again and again until the buffer is no longer a PE file with a parser. Where
 * a parser cannot go on, eight zero bytes end that: nothing loads them, and the call fails.
 */
#define NOTHING (sizeof(struct command) + 8)

static __always_inline __u64 fill_nothing(char *record)
{
	struct command *command = (struct command *)record;

	__builtin_memset(record, 0, NOTHING);
	command->cmd = CMD_COPY;
	command->subcmd = FOR_KERNEL;
	command->payload_len = NOTHING - sizeof(*command);
	return NOTHING;
}
#endif

#endif
