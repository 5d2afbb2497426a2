/* SPDX-License-Identifier: Apache-2.0 */
/* A fault becomes a report on COM1 instead of a silent reset of the machine. */
#ifndef CLEAVE_GUEST_EXCEPTIONS_H
#define CLEAVE_GUEST_EXCEPTIONS_H

void exceptions_initialize(void);

#endif
