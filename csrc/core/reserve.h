/* reserve.h -- inside the core: memory that OpenBLAS and the threads' library take from the system, asked for before
 * they do, as neither can be refused: OpenBLAS asks again for ever, the other ends the process. */
#ifndef GENLAT_RESERVE_H
#define GENLAT_RESERVE_H

#include <stdbool.h>

/* For how many threads at once, at most so many, there is memory. 0: not for one. What was found once is kept. Where
 * nobody asked for so many, memory is left for other things too. */
int gl_reserve(int threads, bool asked);

/* The most threads that OpenBLAS lets call it at once. */
int gl_reserve_limit(void);

#endif
