// The smallest init for arm64: it says what the kernel unpacked, and switches the machine off.
//
// Prints "init:", then for each of /a to /h the file's last byte, or "-" where the file is not
// there; then "crash:" and /sys/kernel/kexec_crash_size; then "empty:" and the errno of a
// kexec_file_load(2) of /kernel with the initrd /empty, where /kernel is there.
// System calls: x8 is the number (include/uapi/asm-generic/unistd.h).

        .text
        .globl _start
_start: sub     sp, sp, #64
        adr     x1, s_init
        mov     x2, #5
        bl      print
        mov     w20, #'a'
next:   strb    wzr, [sp, #2]           // the name "/x" at sp
        mov     w0, #'/'
        strb    w0, [sp]
        strb    w20, [sp, #1]
        mov     x1, sp
        bl      open
        mov     w1, #'-'
        strb    w1, [sp, #8]
        tbnz    x0, #63, shown
        mov     x19, x0
        mov     x1, #-1
        mov     x2, #2                  // SEEK_END
        mov     x8, #62                 // lseek
        svc     #0
        mov     x0, x19
        add     x1, sp, #8
        mov     x2, #1
        mov     x8, #63                 // read
        svc     #0
shown:  add     x1, sp, #8
        mov     x2, #1
        bl      print
        add     w20, w20, #1
        cmp     w20, #'h'
        b.le    next

        adr     x0, s_sys
        mov     x1, x0
        adr     x0, s_sysfs
        mov     x2, x0
        mov     x3, #0
        mov     x4, #0
        mov     x8, #40                 // mount
        svc     #0
        adr     x1, s_crash
        mov     x2, #8
        bl      print
        adr     x1, s_size
        bl      open
        tbnz    x0, #63, empty
        add     x1, sp, #8
        mov     x2, #32
        mov     x8, #63
        svc     #0
        tbnz    x0, #63, empty
        mov     x2, x0
        add     x1, sp, #8
        bl      print

empty:  adr     x1, s_kernel
        bl      open
        tbnz    x0, #63, off
        mov     x19, x0
        adr     x1, s_none
        bl      open
        mov     x1, x0                  // initrd
        mov     x0, x19                 // kernel
        mov     x2, #1
        adr     x3, s_nul
        mov     x4, #0
        mov     x8, #294                // kexec_file_load
        svc     #0
        neg     x0, x0
        mov     x3, #10
        udiv    x1, x0, x3
        msub    x2, x1, x3, x0
        add     w1, w1, #'0'
        add     w2, w2, #'0'
        strb    w1, [sp, #8]
        strb    w2, [sp, #9]
        adr     x1, s_empty
        mov     x2, #7
        bl      print
        add     x1, sp, #8
        mov     x2, #2
        bl      print

off:    adr     x1, s_end
        mov     x2, #6
        bl      print
        movz    x0, #0xdead
        movk    x0, #0xfee1, lsl #16
        movz    x1, #0x1969
        movk    x1, #0x2812, lsl #16
        movz    x2, #0xfedc
        movk    x2, #0x4321, lsl #16    // POWER_OFF
        mov     x8, #142                // reboot
        svc     #0
        b       off

print:  mov     x0, #1
        mov     x8, #64                 // write
        svc     #0
        ret
open:   mov     x0, #-100               // AT_FDCWD
        mov     x2, #0
        mov     x3, #0
        mov     x8, #56                 // openat
        svc     #0
        ret

s_init: .ascii  "init:"
s_crash:.ascii  "\ncrash: "
s_empty:.ascii  "empty: "
s_end:  .ascii  "\nend.\n"
s_size: .asciz  "/sys/kernel/kexec_crash_size"
s_sys:  .asciz  "/sys"
s_sysfs:.asciz  "sysfs"
s_kernel:.asciz "/kernel"
s_none: .asciz  "/empty"
s_nul:  .byte   0
