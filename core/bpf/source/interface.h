/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DIALECT (6 or 7), KIND, RECORD_SIZE and RING_SIZE (bytes) are given on the command line.
 *
 * What the kernel's side of the interface looks like to a parser: only the members that are read.
 * Their offsets are found when the program is loaded (CO-RE), so no kernel header is needed.
 */
#ifndef WARMBOOT_INTERFACE_H
#define WARMBOOT_INTERFACE_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

enum { BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_RINGBUF = 27 };
enum { BPF_F_MMAPABLE = 1 << 10 };
enum { BPF_RB_NO_WAKEUP = 1 };

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define packed __attribute__((packed))
#define relocated __attribute__((preserve_access_index))

#if DIALECT == 6
enum { CMD_DECOMPRESS = 1, CMD_COPY = 2 };

struct command {
	__u16 cmd;
	__u16 subcmd;
	__u32 payload_len;
} packed;

struct kexec_context {
	char *kernel;
	int kernel_sz;
} relocated;
#elif DIALECT == 7
enum { PIPELINE_FILL = 1 };
enum { CMD_DONE = 1, CMD_DECOMPRESS = 2, CMD_COPY = 3, CMD_VERIFY_SIG = 4 };

struct command {
	__u16 cmd;
	__u8 subcmd;
	__u8 pipeline_flag;
	__u32 payload_len;
	__u16 num_chunks;
} packed;

struct kexec_context {
	char *parsing_buf[16];
	unsigned long parsing_buf_sz[16];
} relocated;
#else
#error "DIALECT is 6 or 7"
#endif

#define KIND_ZBOOT 1
#define KIND_COPY 2
#define KIND_UKI 3
#define KIND_INNER 4 /* a zboot that stood in a signed image, which was verified */

enum { FOR_NONE, FOR_KERNEL, FOR_INITRD, FOR_CMDLINE };

struct bpf_parser_context;

extern struct bpf_parser_context *bpf_get_parser_context(unsigned long id) __ksym;
extern int bpf_buffer_parser(char *buf, int buf_sz, struct bpf_parser_context *context) __ksym;
extern void bpf_put_parser_context(struct bpf_parser_context *context) __ksym;

#endif
