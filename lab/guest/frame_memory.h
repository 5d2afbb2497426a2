/* SPDX-License-Identifier: Apache-2.0 */
/* Where whole frames live in the guest's memory, above the program itself. */
#ifndef CLEAVE_GUEST_FRAME_MEMORY_H
#define CLEAVE_GUEST_FRAME_MEMORY_H

#define FRAME_MAXIMUM_WIDTH 1920u
#define FRAME_MAXIMUM_HEIGHT 1200u
#define FRAME_MAXIMUM_BYTES (FRAME_MAXIMUM_WIDTH * FRAME_MAXIMUM_HEIGHT * 4u)

/* The test card is painted here and copied to the screen. */
#define FRAME_MEMORY_CARD 0x00400000ul
/* The pages a GVT-g vGPU scans out, reached through its aperture only. */
#define FRAME_MEMORY_SCANOUT 0x01000000ul
/* The first byte past both: with the program, 26 MiB. */
#define FRAME_MEMORY_END 0x01a00000ul

#endif
