/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stand-ins for what only a kernel with the interface has: the context, and functions that may
 * fail. A parser included behind this is compiled as it is, and uses them.
 */
#include "maps.h"

#define MOST_CALLS 6

struct call {
	__u32 length;
	__u8 head[20];
};

/* In: what the kernel's side does. Out: what the program asked of it. */
struct run {
	__u32 kernel_size;
	__u32 without_image;
	__u32 without_context; /* bpf_get_parser_context gives NULL */
	__u32 fails_from; /* calls of bpf_buffer_parser from this to before the next fail */
	__u32 fails_until;
	__u32 gets;
	__u32 puts;
	__u32 calls;
	struct call call[MOST_CALLS];
	char image[128];
};

struct stand_in {
#if DIALECT == 6
	char *kernel;
	int kernel_sz;
#elif DIALECT == 7
	char *parsing_buf[16];
	unsigned long parsing_buf_sz[16];
#endif
};

struct run state;
struct stand_in context;
char image_bytes[sizeof(((struct run *)0)->image)];

static __always_inline struct bpf_parser_context *get_context(unsigned long id)
{
	state.gets++;
	return state.without_context || id != 7 ? 0 : (struct bpf_parser_context *)8;
}

static __always_inline int buffer(char *record, __u64 size)
{
	__u32 number = state.calls++;

	if (number < MOST_CALLS) {
		state.call[number].length = size;
		for (int i = 0; i < 16; i++)
			state.call[number].head[i] = ((volatile char *)record)[i];
	}
	return number >= state.fails_from && number < state.fails_until ? -12 : 0;
}

#define bpf_get_parser_context(id) get_context(id)
#define bpf_buffer_parser(record, size, of) (((void)(of)), buffer(record, size))
#define bpf_put_parser_context(of) ((void)(of), (void)state.puts++)
#define kexec_context stand_in
#undef BPF_CORE_READ
#define BPF_CORE_READ(from, member)                                                       \
	({                                                                                \
		typeof((from)->member) value = 0;                                         \
		bpf_probe_read_kernel(&value, sizeof(value), &(from)->member);            \
		value;                                                                    \
	})
#undef bpf_core_read
#define bpf_core_read bpf_probe_read_kernel
#undef bpf_core_field_size
#define bpf_core_field_size(member) sizeof(member)
