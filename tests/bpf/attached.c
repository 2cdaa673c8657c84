/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parser as it is, attached to another function of two arguments, one that stock kernels have.
 * Nothing calls it.
 */
#include "stand_ins.h"

#undef SEC
#define SEC(name) __attribute__((section("fentry/bpf_modify_return_test"), used))

#if DIALECT == 6
#include "v6.c"
#elif DIALECT == 7
#include "v7.c"
#endif
