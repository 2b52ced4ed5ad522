// Vectors and start of a Cortex-M4F, and what lies in its flash.  SPDX-License-Identifier: MIT
    .syntax unified
    .thumb
    .section .vectors, "a"
    .word stack_top, Reset, Fault, Fault, Fault, Fault, Fault

    .section .index, "a"
    .balign 8
    .global index_begin, index_end, queries_begin
index_begin:
    .incbin "voice.index"
index_end:
    .balign 8
queries_begin:
    .incbin "query.fvecs"

    .text
    .thumb_func
    .global Reset
Reset:
    ldr r0, =0xE000ED88         // the FPU: full access to coprocessors 10 and 11
    ldr r1, [r0]
    orr r1, r1, #(0xF << 20)
    str r1, [r0]
    dsb
    isb
    ldr r0, =data_begin         // .data from flash to RAM
    ldr r1, =data_end
    ldr r2, =data_in_flash
1:  cmp r0, r1
    ittt lo
    ldrlo r3, [r2], #4
    strlo r3, [r0], #4
    blo 1b
    bl _start                   // of newlib: clears .bss, calls constructors and main()

    .thumb_func
Fault:
    movs r0, #0x18              // ends the emulation: SYS_EXIT, internal error
    ldr r1, =0x20024
    bkpt 0xab
    b Fault

    .thumb_func
    .global _init, _fini
_init:
_fini:
    bx lr

    .section .rodata
    .balign 4
    .global __dso_handle
__dso_handle:
    .word 0
