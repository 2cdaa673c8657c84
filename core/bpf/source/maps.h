/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The maps that the kernel's own skeleton expects, all of them and in this order: four rings, then
 * the sections .rodata, .data, .rodata.str1.1 and .bss. Each section needs something in it.
 */
#ifndef WARMBOOT_MAPS_H
#define WARMBOOT_MAPS_H

#include "interface.h"

#define ring(bytes) { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, bytes); }
#define SMALLEST_RING 65536 /* bytes; kernels with pages of 64 KiB take no less */

struct ring(RING_SIZE) ringbuf_1 SEC(".maps");
struct ring(SMALLEST_RING) ringbuf_2 SEC(".maps");
struct ring(SMALLEST_RING) ringbuf_3 SEC(".maps");
struct ring(SMALLEST_RING) ringbuf_4 SEC(".maps");

/*
 * What this parser is for. The record's size is read by the program too: the map is frozen before
 * the program is loaded, so the verifier knows the number, and another one can be put in its place
 * here without compiling anything.
 */
struct identity {
	char magic[16];
	__u32 dialect;
	__u32 kind;
	__u64 record_size;
};

const volatile struct identity identity = {"warmboot-parser", DIALECT, KIND, RECORD_SIZE};
#define RECORD identity.record_size /* bytes */

volatile __u32 data_section = 1;
const volatile char text_section[] SEC(".rodata.str1.1") = "warmboot";
volatile __u32 bss_section;

char LICENSE[] SEC("license") = "GPL";

#endif
