/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rehearsal: takes an image out of a map apart with the parsers' own code, on any kernel that
 * runs BPF, and leaves the command that the kernel would be given in a ring.
 */
#include "maps.h"
#include "parse.h"

#define CHUNK 4096 /* bytes; the chunks of an array map stand behind each other in memory */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8[CHUNK]);
} image_map SEC(".maps");

struct rehearsal {
	__u64 size; /* in: bytes of the image */
	__u32 step; /* in: which command to leave in the ring, counted from 0 */
	__u32 refusal; /* out */
	__u32 length; /* out: bytes of the command's record; 0 where the step has none */
	__u32 unreadable; /* out */
};

static __always_inline void leave(struct rehearsal *rehearsal, const struct image *image,
				  const struct piece *piece)
{
	char *record;

	if (!piece->size)
		return;
	record = bpf_ringbuf_reserve(&ringbuf_1, RECORD, 0);
	if (record) {
		rehearsal->length = fill(record, image, piece);
		bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	}
	rehearsal->unreadable = !rehearsal->length;
}

#if DIALECT == 6
static __always_inline void leave_nothing(struct rehearsal *rehearsal)
{
	char *record = bpf_ringbuf_reserve(&ringbuf_1, RECORD, 0);

	if (!record)
		return;
	rehearsal->length = fill_nothing(record);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}
#elif DIALECT == 7
static __always_inline void leave_done(struct rehearsal *rehearsal)
{
	struct command *command = bpf_ringbuf_reserve(&ringbuf_1, RECORD, 0);

	if (!command) {
		rehearsal->unreadable = 1;
		return;
	}
	__builtin_memset(command, 0, sizeof(*command));
	command->cmd = CMD_DONE;
	rehearsal->length = sizeof(*command);
	bpf_ringbuf_submit(command, BPF_RB_NO_WAKEUP);
}
#endif

SEC("syscall")
int parse_pe(struct rehearsal *rehearsal)
{
	__u32 first = 0;
	const char *start = bpf_map_lookup_elem(&image_map, &first);
	struct image image = {.size = rehearsal->size};
	struct pieces pieces;

	rehearsal->length = 0;
	rehearsal->unreadable = 0;
	/* The parsers get the address as a number out of the kernel; so does the code here. */
	bpf_probe_read_kernel(&image.start, sizeof(image.start), &start);
	rehearsal->refusal = find(&image, &pieces);
	if (rehearsal->refusal) {
#if DIALECT == 6
		leave_nothing(rehearsal);
#endif
		return 0;
	}
#if DIALECT == 6
	leave(rehearsal, &image, &pieces.kernel);
#elif DIALECT == 7
	switch (rehearsal->step) {
	case 0:
		leave(rehearsal, &image, &pieces.verify);
		break;
	case 1:
		leave(rehearsal, &image, &pieces.addon);
		break;
	case 2:
		leave(rehearsal, &image, &pieces.kernel);
		break;
	case 3:
		leave(rehearsal, &image, &pieces.initrd);
		break;
	case 4:
		leave(rehearsal, &image, &pieces.cmdline);
		break;
	case 5:
		leave_done(rehearsal);
		break;
	}
#endif
	return 0;
}
