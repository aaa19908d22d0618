/* processor.c -- which instructions the core needs, and whether this processor has them.
 *
 * The Makefile writes needs.h: the macros that the compiler defines under all the flags of the core, each with GL_NEEDS
 * before its name. Those say which instructions are in it, whether ARCH, CFLAGS, CC or the compiler's default chose
 * them.
 */
#include "lua/processor.h"

#include <stddef.h>
#include <string.h>

#include "needs.h"

/* What a macro stands for, as text: "1", or its own name where it is not defined. */
#define TEXT(X) TEXT_(X)
#define TEXT_(X) #X

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

enum { EAX, EBX, ECX, EDX };

/* What the operating system has to keep for a thread: bits of the register XCR0. */
enum { NOTHING = 0, YMM = 0x06, ZMM = 0xE6 };

/* A set of instructions: a bit of what CPUID answers for a leaf and subleaf. */
typedef struct set {
  const char *needed, *name; /* needed: "1" where it is */
  unsigned leaf, subleaf;
  int word, bit;
  unsigned state;
} set;

#define SET(MACRO, NAME, ...)                                                                                          \
  { TEXT(GL_NEEDS__##MACRO##__), NAME, __VA_ARGS__ }

/* All that compilers use of their own accord, the oldest first. */
static const set sets[] = {
    SET(SSE3, "SSE3", 1, 0, ECX, 0, NOTHING),
    SET(SSSE3, "SSSE3", 1, 0, ECX, 9, NOTHING),
    SET(SSE4_1, "SSE4.1", 1, 0, ECX, 19, NOTHING),
    SET(SSE4_2, "SSE4.2", 1, 0, ECX, 20, NOTHING),
    SET(POPCNT, "POPCNT", 1, 0, ECX, 23, NOTHING),
    SET(MOVBE, "MOVBE", 1, 0, ECX, 22, NOTHING),
    SET(LZCNT, "LZCNT", 0x80000001, 0, ECX, 5, NOTHING),
    SET(SSE4A, "SSE4a", 0x80000001, 0, ECX, 6, NOTHING),
    SET(TBM, "TBM", 0x80000001, 0, ECX, 21, NOTHING),
    SET(BMI, "BMI", 7, 0, EBX, 3, NOTHING),
    SET(BMI2, "BMI2", 7, 0, EBX, 8, NOTHING),
    SET(AVX, "AVX", 1, 0, ECX, 28, YMM),
    SET(XOP, "XOP", 0x80000001, 0, ECX, 11, YMM),
    SET(FMA4, "FMA4", 0x80000001, 0, ECX, 16, YMM),
    SET(F16C, "F16C", 1, 0, ECX, 29, YMM),
    SET(FMA, "FMA", 1, 0, ECX, 12, YMM),
    SET(AVX2, "AVX2", 7, 0, EBX, 5, YMM),
    SET(GFNI, "GFNI", 7, 0, ECX, 8, NOTHING),
    SET(AVXVNNI, "AVX-VNNI", 7, 1, EAX, 4, YMM),
    SET(AVXIFMA, "AVX-IFMA", 7, 1, EAX, 23, YMM),
    SET(AVXVNNIINT8, "AVX-VNNI-INT8", 7, 1, EDX, 4, YMM),
    SET(AVXNECONVERT, "AVX-NE-CONVERT", 7, 1, EDX, 5, YMM),
    SET(AVXVNNIINT16, "AVX-VNNI-INT16", 7, 1, EDX, 10, YMM),
    SET(AVX512F, "AVX-512", 7, 0, EBX, 16, ZMM),
    SET(AVX512CD, "AVX-512 CD", 7, 0, EBX, 28, ZMM),
    SET(AVX512BW, "AVX-512 BW", 7, 0, EBX, 30, ZMM),
    SET(AVX512DQ, "AVX-512 DQ", 7, 0, EBX, 17, ZMM),
    SET(AVX512VL, "AVX-512 VL", 7, 0, EBX, 31, ZMM),
    SET(AVX512ER, "AVX-512 ER", 7, 0, EBX, 27, ZMM),
    SET(AVX512PF, "AVX-512 PF", 7, 0, EBX, 26, ZMM),
    SET(AVX512IFMA, "AVX-512 IFMA", 7, 0, EBX, 21, ZMM),
    SET(AVX512VBMI, "AVX-512 VBMI", 7, 0, ECX, 1, ZMM),
    SET(AVX512VBMI2, "AVX-512 VBMI2", 7, 0, ECX, 6, ZMM),
    SET(AVX512VNNI, "AVX-512 VNNI", 7, 0, ECX, 11, ZMM),
    SET(AVX512BITALG, "AVX-512 BITALG", 7, 0, ECX, 12, ZMM),
    SET(AVX512VPOPCNTDQ, "AVX-512 VPOPCNTDQ", 7, 0, ECX, 14, ZMM),
    SET(AVX512VP2INTERSECT, "AVX-512 VP2INTERSECT", 7, 0, EDX, 8, ZMM),
    SET(AVX512FP16, "AVX-512 FP16", 7, 0, EDX, 23, ZMM),
    SET(AVX512BF16, "AVX-512 BF16", 7, 1, EAX, 5, ZMM),
    SET(AVX10_1, "AVX10", 7, 1, EDX, 19, ZMM),
    SET(APX_F, "APX", 7, 1, EDX, 21, NOTHING),
};

/* The state that the operating system keeps, of which it speaks where CPUID's bit OSXSAVE is set. */
static unsigned kept_state(void) {
  unsigned a, b, c, d, low, high;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1))
    return 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static bool has(const set *s) {
  unsigned word[4];
  if (!__get_cpuid_count(s->leaf, s->subleaf, &word[EAX], &word[EBX], &word[ECX], &word[EDX]))
    return false;
  return (word[s->word] >> s->bit & 1) && (kept_state() & s->state) == s->state;
}

static bool has_named(const char *name) {
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    if (strcmp(sets[i].name, name) == 0)
      return has(&sets[i]);
  return false;
}

bool gl_processor_has_avx512(void) {
  return has_named("AVX-512") && has_named("AVX-512 CD") && has_named("AVX-512 BW") && has_named("AVX-512 DQ") &&
         has_named("AVX-512 VL");
}

void gl_processor_vendor(char name[13]) {
  unsigned highest, b = 0, c = 0, d = 0;
  if (!__get_cpuid(0, &highest, &b, &c, &d))
    b = c = d = 0;
  memcpy(name, &b, 4);
  memcpy(name + 4, &d, 4);
  memcpy(name + 8, &c, 4);
  name[12] = '\0';
}

#else

bool gl_processor_has_avx512(void) { return false; }
void gl_processor_vendor(char name[13]) { name[0] = '\0'; }

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

/* A set of instructions: a bit of what the kernel says that programs may use. */
typedef struct set {
  const char *needed, *name; /* needed: "1" where it is */
  unsigned long word;
  int bit;
} set;

#define SET(MACRO, NAME, ...)                                                                                          \
  { TEXT(GL_NEEDS__ARM_FEATURE_##MACRO), NAME, __VA_ARGS__ }

/* All that compilers use of their own accord, the oldest first. */
static const set sets[] = {
    SET(ATOMICS, "LSE atomics", AT_HWCAP, 8),
    SET(FP16_VECTOR_ARITHMETIC, "half-precision arithmetic", AT_HWCAP, 10),
    SET(COMPLEX, "complex arithmetic", AT_HWCAP, 14),
    SET(RCPC, "RCpc loads", AT_HWCAP, 15),
    SET(DOTPROD, "dot products", AT_HWCAP, 20),
    SET(SVE, "SVE", AT_HWCAP, 22),
    SET(SVE2, "SVE2", AT_HWCAP2, 1),
    SET(MATMUL_INT8, "int8 matrix products", AT_HWCAP2, 13),
    SET(BF16, "BF16", AT_HWCAP2, 14),
    SET(MOPS, "memory instructions", AT_HWCAP2, 43),
};

static bool has(const set *s) { return getauxval(s->word) >> s->bit & 1; }

#else /* nothing is known here that could be checked */

typedef struct set {
  const char *needed, *name;
} set;

static const set sets[] = {{"", ""}};
static bool has(const set *s) { return s != NULL; }

#endif
#endif

const char *gl_processor_lacks(void) {
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    if (strcmp(sets[i].needed, "1") == 0 && !has(&sets[i]))
      return sets[i].name;
  return NULL;
}
