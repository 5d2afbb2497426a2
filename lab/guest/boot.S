// SPDX-License-Identifier: Apache-2.0
//
// From the boot loader's 32-bit protected mode to guest_main() in long mode.
//
// One ELF file carries two boot protocols, which hand over in the same state
// (protected mode, flat segments, paging and interrupts off):
//   - Multiboot 1, "Multiboot Specification version 0.6.96", section 3.1. Bit 16
//     of the flags makes the loader use the addresses in the header; without it
//     QEMU refuses a 64-bit ELF file.
//   - PVH, xen/include/public/arch-x86/hvm/start_info.h: the entry point stands
//     in an ELF note.
// QEMU looks for Multiboot first; PVH serves loaders without it.

        .set MULTIBOOT_MAGIC, 0x1badb002
        .set MULTIBOOT_ADDRESSES_VALID, 0x00010000
        .set PVH_ENTRY_NOTE, 18                 // XEN_ELFNOTE_PHYS32_ENTRY

        .set CODE_SEGMENT, 0x08
        .set DATA_SEGMENT, 0x10

        .set CR0_PAGING, 1 << 31
        .set CR4_PHYSICAL_ADDRESS_EXTENSION, 1 << 5
        .set EFER_REGISTER, 0xc0000080          // Intel SDM vol. 4, IA32_EFER
        .set EFER_LONG_MODE_ENABLE, 1 << 8
        .set CPUID_LONG_MODE, 1 << 29           // leaf 0x80000001, EDX

        .set TABLE_ENTRY, 0x3                   // present, writable
        .set LARGE_PAGE_ENTRY, 0x83             // present, writable, 2 MiB

        .section .multiboot, "a"
        .balign 4
multiboot_header:
        .long MULTIBOOT_MAGIC
        .long MULTIBOOT_ADDRESSES_VALID
        .long -(MULTIBOOT_MAGIC + MULTIBOOT_ADDRESSES_VALID)
        .long multiboot_header
        .long image_start
        .long image_load_end
        .long 0                                 // the BSS is cleared below
        .long entry_32

        .section .note.pvh, "a", @note
        .balign 4
        .long 4                                 // length of the name
        .long 8                                 // length of the value
        .long PVH_ENTRY_NOTE
        .asciz "Xen"
        .quad entry_32

        .section .text.boot, "ax"
        .code32
        .globl entry_32
entry_32:
        cli
        cld
        movl $bss_end, %ecx
        movl $bss_start, %edi
        subl %edi, %ecx
        shrl $2, %ecx
        xorl %eax, %eax
        rep stosl
        movl $stack_top, %esp

        movl $0x80000001, %eax
        cpuid
        testl $CPUID_LONG_MODE, %edx
        jz no_long_mode

        // Four page directories of 2 MiB pages: the first 4 GiB, one to one.
        movl $page_map_level_4, %edi
        movl $(page_directory_pointers + TABLE_ENTRY), (%edi)
        movl $page_directory_pointers, %edi
        movl $(low_page_directories + TABLE_ENTRY), %eax
        movl $4, %ecx
1:      movl %eax, (%edi)
        addl $8, %edi
        addl $0x1000, %eax
        loop 1b
        movl $low_page_directories, %edi
        movl $LARGE_PAGE_ENTRY, %eax
        movl $2048, %ecx
2:      movl %eax, (%edi)
        addl $8, %edi
        addl $0x200000, %eax
        loop 2b

        movl %cr4, %eax
        orl $CR4_PHYSICAL_ADDRESS_EXTENSION, %eax
        movl %eax, %cr4
        movl $page_map_level_4, %eax
        movl %eax, %cr3
        movl $EFER_REGISTER, %ecx
        rdmsr
        orl $EFER_LONG_MODE_ENABLE, %eax
        wrmsr
        movl %cr0, %eax
        orl $CR0_PAGING, %eax
        movl %eax, %cr0
        lgdt segment_table_pointer
        ljmp $CODE_SEGMENT, $entry_64

no_long_mode:
        movl $no_long_mode_report, %esi
        movw $0x3f8, %dx                        // COM1, as in serial.c
3:      lodsb
        testb %al, %al
        jz 4f
        outb %al, %dx
        jmp 3b
4:      hlt
        jmp 4b

        .code64
entry_64:
        movw $DATA_SEGMENT, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        xorl %eax, %eax
        movw %ax, %fs
        movw %ax, %gs
        movl $stack_top, %esp
        xorl %ebp, %ebp
        call guest_main
5:      hlt
        jmp 5b

        // One entry per processor exception, EXCEPTION_ENTRY_SIZE (exceptions.c)
        // apart. The processor pushes an error code for some vectors only (Intel
        // SDM vol. 3, table 6-1); the others get a zero so that every frame is
        // alike.
        .section .text.exceptions, "ax"
        .globl exception_entries
        .balign 16
exception_entries:
        .irp vector, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        .balign 16
        .if !((\vector == 8) || ((\vector >= 10) && (\vector <= 14)) || (\vector == 17) || (\vector == 21) || (\vector == 29) || (\vector == 30))
        pushq $0
        .endif
        pushq $\vector
        jmp exception_common
        .endr
        .balign 16
exception_common:
        cld
        movq %rsp, %rdi
        andq $-16, %rsp
        call exception_taken

        .section .rodata.boot, "a"
no_long_mode_report:
        .asciz "{\"schema\":\"cleave.guest/1\",\"error\":\"this processor has no 64-bit mode\"}\n"

        .data
        .balign 16
        .globl segment_table
segment_table:
        .quad 0
        .quad 0x00af9a000000ffff                // 64-bit code
        .quad 0x00cf92000000ffff                // data
        .quad 0, 0                              // task state, see exceptions.c
segment_table_pointer:
        .word segment_table_pointer - segment_table - 1
        .long segment_table
        .long 0

        .bss
        .balign 4096
        .globl page_map_level_4
page_map_level_4:
        .skip 4096
page_directory_pointers:
        .skip 4096
low_page_directories:
        .skip 4 * 4096
        .skip 32768
        .balign 16
stack_top:

        .section .note.GNU-stack, "", @progbits
