/* processor.h -- what the processor is and has, for genlat.boot. Linked with the boot module alone. */
#ifndef GL_PROCESSOR_H
#define GL_PROCESSOR_H

#include <stdbool.h>

/* The first set of instructions that the core needs and this processor (or its operating system) lacks, or NULL. */
const char *gl_processor_lacks(void);

/* What Linux's x86-64-v4 level and OpenBLAS's SkylakeX kernels both need. */
bool gl_processor_has_avx512(void);

/* CPUID's name of the vendor, "AuthenticAMD", with a final zero; empty on other architectures. */
void gl_processor_vendor(char name[13]);

#endif
