/* SPDX-License-Identifier: MIT */
/* The framework has some of what is in xtf.h here. */
#include <xtf.h>
