// Start of a program on QEMU's boards mps2-an386 (Cortex-M4) and mps2-an500 (Cortex-M7).  SPDX-License-Identifier: MIT
    .syntax unified
    .thumb

    .section .vectors, "a"
    .word __stack, reset, fault, fault, fault, fault, fault

    .text
    .thumb_func
    .global reset
reset:
    ldr r0, =0xE000ED88  // CPACR: the floating-point unit is off after a reset
    ldr r1, [r0]
    orr r1, r1, #(0xF << 20)
    str r1, [r0]
    dsb
    isb
    bl _start  // newlib's: clears .bss, calls main(), exits by semihosting

    .thumb_func
fault:  // ends the emulator with an error: semihosting's SYS_EXIT with ADP_Stopped_RunTimeErrorUnknown
    movs r0, #0x18
    ldr r1, =0x20023
    bkpt 0xAB
    b fault
