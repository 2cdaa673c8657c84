/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image and the pieces that are taken out of it, and the one format that every dialect knows.
 *
 * Images are only ever read with probe reads: nothing in them is aligned, and nothing in them is
 * to be trusted.
 */
#ifndef WARMBOOT_IMAGE_H
#define WARMBOOT_IMAGE_H

#include "maps.h"
#include "refusal.h"

#define ZBOOT_HEADER 64 /* bytes, drivers/firmware/efi/libstub/zboot-header.S */
#define ZIMG 0x676d697a
#define SMALLEST_PAYLOAD 4

/* The record of a command, and what of it is left for the payload. */
#define ROOM (RECORD - sizeof(struct command))

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

#endif
