/* blas.h -- inside the core: CBLAS, wherever the system has its header. */
#ifndef GENLAT_BLAS_H
#define GENLAT_BLAS_H

#if defined(__has_include)
#if __has_include(<cblas.h>)
#include <cblas.h>
#elif __has_include(<openblas/cblas.h>)
#include <openblas/cblas.h>
#else
#error "cblas.h is missing: install OpenBLAS's development package"
#endif
#else
#include <cblas.h>
#endif

#endif
