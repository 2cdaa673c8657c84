/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The envelope of dialect 7: an ELF64 file with sections .kernel (or .uki), .initrd and .cmdline,
 * or a bare PE file. A UKI's own sections are found in its PE section table.
 */
#ifndef WARMBOOT_CONTAINERS_H
#define WARMBOOT_CONTAINERS_H

#include "image.h"

#define ELF 0x464c457f
#define MOST_ELF_SECTIONS 16
#define MOST_PE_SECTIONS 48
#define NAME_LENGTH 8

struct elf_header {
	__u32 magic;
	__u8 class, order, ident[10];
	__u16 type, machine;
	__u32 version;
	__u64 entry, segments, sections;
	__u32 flags;
	__u16 size, segment_size, segment_count, section_size, section_count, names;
};

struct elf_section {
	__u32 name, type;
	__u64 flags, address, offset, size;
	__u32 link, info;
	__u64 alignment, entry_size;
};

struct pe_section {
	__u64 name;
	__u32 memory_size, address, size, offset;
	__u32 unused[4];
};

/* The first eight bytes of a name as a number: cheap to compare. */
#define NAME(a, b, c, d, e, f, g, h)                                                           \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | \
	 (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

#define DOT_KERNEL NAME('.', 'k', 'e', 'r', 'n', 'e', 'l', 0)
#define DOT_INITRD NAME('.', 'i', 'n', 'i', 't', 'r', 'd', 0)
#define DOT_CMDLINE NAME('.', 'c', 'm', 'd', 'l', 'i', 'n', 'e')
#define DOT_LINUX NAME('.', 'l', 'i', 'n', 'u', 'x', 0, 0)
#define DOT_PROFILE NAME('.', 'p', 'r', 'o', 'f', 'i', 'l', 'e')
#define DOT_ADDON NAME('.', 'a', 'd', 'd', 'o', 'n', 0, 0)
#define DOT_UKI NAME('.', 'u', 'k', 'i', 0, 0, 0, 0)

/* Names shorter than eight bytes have the next name behind their NUL. */
static __always_inline __u64 cut(__u64 name)
{
	__u64 mask = 0xff;

	for (int i = 0; i < NAME_LENGTH; i++) {
		if (!(name & mask))
			return name & ((mask & -mask) - 1);
		mask <<= 8;
	}
	return name;
}

static __always_inline void take(struct piece *piece, __u64 offset, __u64 size, __u8 target)
{
	piece->offset = offset;
	piece->size = size;
	piece->cmd = CMD_COPY;
	piece->target = target;
}

/*
 * What a section is, is told by functions that the verifier looks at once each: inlined, every way
 * through one section would multiply the ways through the next. 0 goes on to the next section.
 */
#define LAST_SECTION -1

/* One section of an envelope. `outer` is the signed PE file, whichever name it goes by. */
__noinline int take_elf_section(const struct image *image, __u64 place,
				const struct elf_section *names, struct piece *outer,
				struct pieces *pieces)
{
	struct elf_section section;
	__u64 name = 0;

	if (!image || !names || !outer || !pieces)
		return BAD_ELF;
	if (read(&section, sizeof(section), image, place) || section.name >= names->size ||
	    read(&name, sizeof(name), image, names->offset + section.name) ||
	    !inside(image, section.offset, section.size))
		return OUTSIDE;
	name = cut(name);
	if (name == DOT_KERNEL || name == DOT_UKI)
		take(outer, section.offset, section.size, FOR_KERNEL);
	else if (name == DOT_ADDON)
		take(&pieces->addon, section.offset, section.size, FOR_KERNEL);
	else if (name == DOT_INITRD)
		take(&pieces->initrd, section.offset, section.size, FOR_INITRD);
	else if (name == DOT_CMDLINE)
		take(&pieces->cmdline, section.offset, section.size, FOR_CMDLINE);
	return ACCEPTED;
}

static __always_inline int open_elf(const struct image *image, struct piece *outer,
				    struct pieces *pieces)
{
	struct elf_header header;
	struct elf_section names;

	if (read(&header, sizeof(header), image, 0))
		return TOO_SHORT;
	if (header.class != 2 || header.order != 1 || header.section_size != sizeof(names) ||
	    header.section_count > MOST_ELF_SECTIONS || header.names >= header.section_count)
		return BAD_ELF;
	if (read(&names, sizeof(names), image, header.sections + header.names * sizeof(names)))
		return OUTSIDE;
	for (int i = 1; i < MOST_ELF_SECTIONS && i < header.section_count; i++) {
		int refusal = take_elf_section(image, header.sections + i * sizeof(names), &names,
					       outer, pieces);

		if (refusal)
			return refusal;
	}
	return outer->size ? ACCEPTED : NO_KERNEL;
}

#if KIND == KIND_UKI
/* One section of a UKI, which stands at outer->offset; what the envelope brings goes before. */
__noinline int take_pe_section(const struct image *image, __u64 place, const struct piece *outer,
			       struct pieces *pieces)
{
	struct pe_section section;
	__u64 size, offset;

	if (!image || !outer || !pieces)
		return NOT_PE;
	if (read(&section, sizeof(section), image, place))
		return OUTSIDE;
	/* What follows belongs to other profiles; the first one is the default. */
	if (section.name == DOT_PROFILE)
		return LAST_SECTION;
	size = section.memory_size < section.size ? section.memory_size : section.size;
	if (section.offset > outer->size || size > outer->size - section.offset)
		return OUTSIDE;
	offset = outer->offset + section.offset;
	if (section.name == DOT_LINUX)
		take(&pieces->kernel, offset, size, FOR_KERNEL);
	else if (section.name == DOT_INITRD && !pieces->initrd.size)
		take(&pieces->initrd, offset, size, FOR_INITRD);
	else if (section.name == DOT_CMDLINE && !pieces->cmdline.size) {
		take(&pieces->cmdline, offset, size, FOR_CMDLINE);
		pieces->cmdline.nul = 1;
	}
	return ACCEPTED;
}

static __always_inline int open_uki(const struct image *image, const struct piece *outer,
				    struct pieces *pieces)
{
	__u32 pe, signature, zimg[2];
	__u16 counts[10];
	__u64 table;

	if (read(&pe, sizeof(pe), image, outer->offset + 60) ||
	    read(&signature, sizeof(signature), image, outer->offset + pe) ||
	    read(counts, sizeof(counts), image, outer->offset + pe + 4))
		return TOO_SHORT;
	if (signature != 0x4550)
		return NOT_PE;
	table = outer->offset + pe + 24 + counts[8];
	for (int i = 0; i < MOST_PE_SECTIONS && i < counts[1]; i++) {
		int refusal = take_pe_section(image, table + i * sizeof(struct pe_section), outer,
					      pieces);

		if (refusal == LAST_SECTION)
			break;
		if (refusal)
			return refusal;
	}
	if (!pieces->kernel.size)
		return NO_KERNEL;
	/* A compressed kernel inside is for the parser of the next layer. */
	if (!read(zimg, sizeof(zimg), image, pieces->kernel.offset) && zimg[1] == ZIMG)
		pieces->kernel.flag = PIPELINE_FILL;
	return ACCEPTED;
}
#endif

static __always_inline int find_in_container(const struct image *image, struct pieces *pieces)
{
	struct piece outer = {.size = image->size};
	__u32 magic = 0;

	if (read(&magic, sizeof(magic), image, 0))
		return TOO_SHORT;
	if (magic == ELF) {
		int refusal;

		outer.size = 0;
		refusal = open_elf(image, &outer, pieces);
		if (refusal)
			return refusal;
	}
#if KIND != KIND_INNER
	take(&pieces->verify, outer.offset, outer.size, FOR_KERNEL);
	pieces->verify.cmd = CMD_VERIFY_SIG;
#endif
	/* An add-on is verified; what it says is already in the envelope's command line. */
	if (pieces->addon.size && (KIND != KIND_UKI || !pieces->cmdline.size))
		return ADDON_ALONE;
	pieces->addon.cmd = CMD_VERIFY_SIG;
#if KIND == KIND_UKI
	return open_uki(image, &outer, pieces);
#else
	return find_zboot(image, outer.offset, outer.size, &pieces->kernel);
#endif
}

#endif
