/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parser of either dialect as it is; every way it can end is run on this kernel. */
#include "stand_ins.h"

#undef BPF_PROG
#define BPF_PROG(name, ...) name(__VA_ARGS__)
#undef SEC
#define SEC(name) static __always_inline

#if DIALECT == 6
#include "v6.c"
#elif DIALECT == 7
#include "v7.c"
#endif

__attribute__((section("syscall"), used)) int every_ending(struct run *run)
{
	struct stand_in *address = &context;

	__builtin_memcpy(&state, run, sizeof(state) - sizeof(state.image));
	__builtin_memcpy(image_bytes, run->image, sizeof(image_bytes));
#if DIALECT == 6
	context.kernel = run->without_image ? 0 : image_bytes;
	context.kernel_sz = run->kernel_size;
#elif DIALECT == 7
	context.parsing_buf[0] = run->without_image ? 0 : image_bytes;
	context.parsing_buf_sz[0] = run->kernel_size;
#endif
	parse_pe(address, 7);
	__builtin_memcpy(run, &state, sizeof(state) - sizeof(state.image));
	return 0;
}
