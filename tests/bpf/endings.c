/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parser of dialect 6 as it is, with stand-ins for what only a kernel with the interface has:
 * the context, and functions that may fail. Every way the program can end is run on this kernel.
 */
#include "interface.h"
#include "maps.h"

#define MOST_CALLS 4

struct call {
	__u32 length;
	__u8 head[20];
};

/* In: what the kernel's side does. Out: what the program asked of it. */
struct run {
	__u32 kernel_size;
	__u32 without_image;
	__u32 without_context; /* bpf_get_parser_context gives NULL */
	__u32 failures; /* so many calls of bpf_buffer_parser fail first */
	__u32 gets;
	__u32 puts;
	__u32 calls;
	struct call call[MOST_CALLS];
	char image[128];
};

struct stand_in {
	char *kernel;
	int kernel_sz;
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
	if (!state.failures)
		return 0;
	state.failures--;
	return -12;
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
#undef BPF_PROG
#define BPF_PROG(name, ...) name(__VA_ARGS__)
#undef SEC
#define SEC(name) static __always_inline

#include "v6.c"

__attribute__((section("syscall"), used)) int every_ending(struct run *run)
{
	struct stand_in *address = &context;

	__builtin_memcpy(&state, run, sizeof(state) - sizeof(state.image));
	__builtin_memcpy(image_bytes, run->image, sizeof(image_bytes));
	context.kernel = run->without_image ? 0 : image_bytes;
	context.kernel_sz = run->kernel_size;
	parse(address, 7);
	__builtin_memcpy(run, &state, sizeof(state) - sizeof(state.image));
	return 0;
}
