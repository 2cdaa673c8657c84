/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How an image is taken apart: the same code in every dialect's parser and in the rehearsal.
 *
 * Images are only ever read with probe reads: nothing in them is aligned, and nothing in them is
 * to be trusted.
 */
#ifndef WARMBOOT_PARSE_H
#define WARMBOOT_PARSE_H

#define ZBOOT_HEADER 64 /* bytes, drivers/firmware/efi/libstub/zboot-header.S */
#define PE_OFFSET 0x3c /* where a PE file says where its signature is */
#define ZIMG 0x676d697a
#define ELF 0x464c457f
#define SMALLEST_PAYLOAD 4
#define MOST_ELF_SECTIONS 16
#define MOST_PE_SECTIONS 48

/* The record of a command, and what of it is left for the payload. */
#define ROOM (RECORD_SIZE - sizeof(struct command))

struct image {
	const char *start;
	__u64 size;
};

/* What one command hands over: `size` bytes at `offset` of the image. */
struct piece {
	__u64 offset;
	__u64 size;
	__u16 cmd;
	__u8 target;
	__u8 flag;
	__u8 nul; /* 1 where the kernel wants a NUL behind it that the image lacks */
};

/* All that an image gives, in order. A piece of 0 bytes is not handed over. */
struct pieces {
	struct piece verify;
	struct piece addon;
	struct piece kernel;
	struct piece initrd;
	struct piece cmdline;
};

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
		bpf_printk("warmboot: the image is no zboot");
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
		bpf_printk("warmboot: the image is no PE file");
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

static __always_inline int read(void *to, __u32 size, const struct image *image, __u64 offset)
{
	if (offset > image->size || size > image->size - offset)
		return -1;
	return bpf_probe_read_kernel(to, size, image->start + offset) ? -1 : 0;
}

/* Whether `size` bytes at `offset` are wholly inside the image. */
static __always_inline int inside(const struct image *image, __u64 offset, __u64 size)
{
	return offset <= image->size && size <= image->size - offset;
}

/* A zboot at `base`: its header says where the compressed kernel is; the stream is exactly that. */
static __always_inline enum refusal find_zboot(const struct image *image, __u64 base, __u64 size,
					       struct piece *piece)
{
	__u32 words[4];

	if (size < ZBOOT_HEADER)
		return TOO_SHORT;
	if (read(words, sizeof(words), image, base))
		return UNREADABLE;
	if ((words[0] & 0xffff) != 0x5a4d || words[1] != ZIMG)
		return NOT_ZBOOT;
	if (words[2] < ZBOOT_HEADER || words[2] > size || words[3] > size - words[2])
		return OUTSIDE;
	piece->offset = base + words[2];
	piece->size = words[3];
	piece->cmd = CMD_DECOMPRESS;
	piece->target = FOR_KERNEL;
	return ACCEPTED;
}

#if DIALECT == 7
#include "containers.h"
#endif

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
