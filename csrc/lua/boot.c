/* boot.c -- genlat.boot, opened just before genlat.core: refuses a processor that the core was not built for, and sets
 * what OpenBLAS reads from the environment while it is being loaded.
 *
 * It is a module of its own because it has to run before the core's code and OpenBLAS's constructor do; so it is
 * compiled for the plain architecture and linked with neither. The Makefile defines GL_NEEDS_x for each macro __x__ by
 * which the compiler says that it may use an instruction set in the core.
 */
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

static void vendor_name(char name[13]) {
  unsigned highest, b = 0, c = 0, d = 0;
  if (!__get_cpuid(0, &highest, &b, &c, &d))
    b = c = d = 0;
  memcpy(name, &b, 4);
  memcpy(name + 4, &d, 4);
  memcpy(name + 8, &c, 4);
  name[12] = '\0';
}

/* What Linux's x86-64-v4 level and OpenBLAS's SkylakeX kernels both need. */
static bool has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

/* The first instruction set that the core needs and this processor (or its operating system) lacks, or NULL. */
static const char *missing(void) {
#ifdef GL_NEEDS_SSE4_2
  if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("popcnt"))
    return "SSE4.2";
#endif
#ifdef GL_NEEDS_AVX
  if (!__builtin_cpu_supports("avx"))
    return "AVX";
#endif
#ifdef GL_NEEDS_AVX2
  if (!__builtin_cpu_supports("avx2"))
    return "AVX2";
#endif
#ifdef GL_NEEDS_FMA
  if (!__builtin_cpu_supports("fma"))
    return "FMA";
#endif
#ifdef GL_NEEDS_BMI2
  if (!__builtin_cpu_supports("bmi2"))
    return "BMI2";
#endif
#ifdef GL_NEEDS_AVX512F
  if (!has_avx512())
    return "AVX-512";
#endif
#ifdef GL_NEEDS_AVX512VBMI
  if (!__builtin_cpu_supports("avx512vbmi"))
    return "AVX-512 VBMI";
#endif
#ifdef GL_NEEDS_AVX512VBMI2
  if (!__builtin_cpu_supports("avx512vbmi2"))
    return "AVX-512 VBMI2";
#endif
#ifdef GL_NEEDS_AVX512VNNI
  if (!__builtin_cpu_supports("avx512vnni"))
    return "AVX-512 VNNI";
#endif
#ifdef GL_NEEDS_AVX512BITALG
  if (!__builtin_cpu_supports("avx512bitalg"))
    return "AVX-512 BITALG";
#endif
#ifdef GL_NEEDS_AVX512VPOPCNTDQ
  if (!__builtin_cpu_supports("avx512vpopcntdq"))
    return "AVX-512 VPOPCNTDQ";
#endif
  return NULL;
}

#else /* on other architectures there is nothing to check or to set */

static void vendor_name(char name[13]) { name[0] = '\0'; }
static bool has_avx512(void) { return false; }
static const char *missing(void) { return NULL; }

#endif

/* ---- the environment ---- */

typedef struct setting {
  const char *name, *value;
  bool wanted, set;
} setting;

/* Sets what is wanted and the user has not set. A process may have several Lua states, also in threads: the first does
 * so, and whichever loads the core does that after it. */
static void set_environment(setting *settings, int n) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static bool done;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < n && !done; i++)
    settings[i].set =
        settings[i].wanted && !getenv(settings[i].name) && setenv(settings[i].name, settings[i].value, 1) == 0;
  done = true;
  pthread_mutex_unlock(&lock);
}

/* restore(): removes what was set, so that processes started from here do not inherit it. */
static int restore(lua_State *L) {
  lua_settop(L, 0);
  for (lua_pushnil(L); lua_next(L, lua_upvalueindex(1)); lua_pop(L, 1))
    unsetenv(lua_tostring(L, 1));
  return 0;
}

/* Returns {vendor = "AuthenticAMD", set = {OPENBLAS_NUM_THREADS = "1", ...}, restore = restore}. */
LUAMOD_API int luaopen_genlat_boot(lua_State *L) {
  char vendor[13];
  const char *lacking = missing();
  if (lacking)
    return luaL_error(L,
                      "genlat was built for a processor with %s, which this one lacks: rebuild it here with "
                      "`make clean all`",
                      lacking);
  vendor_name(vendor);
  lua_newtable(L);
  lua_pushstring(L, vendor);
  lua_setfield(L, -2, "vendor");
  setting settings[] = {
      /* genlat splits the work among threads of its own and calls OpenBLAS from each. */
      {.name = "OPENBLAS_NUM_THREADS", .value = "1", .wanted = true},
      /* How long a thread that waits for the others keeps its core busy before it sleeps. libgomp's default is for
       * machines that run nothing else: with three other processes on two cores a training step took 200 ms with it, 9
       * ms so. */
      {.name = "GOMP_SPINCOUNT", .value = "1000", .wanted = !getenv("OMP_WAIT_POLICY")},
      /* A release of OpenBLAS that is older than an AMD processor takes it for a Zen or a Barcelona. sgemm on one core
       * of an EPYC of family 26: 54 GFLOP/s with Barcelona's kernels, 107 with Zen's, 237 with SkylakeX's. Releases
       * that know the processor (0.3.21 does) choose Cooperlake's, which are as fast. */
      {.name = "OPENBLAS_CORETYPE", .value = "SkylakeX", .wanted = strcmp(vendor, "AuthenticAMD") == 0 && has_avx512()},
  };
  enum { SETTINGS = sizeof settings / sizeof *settings };
  set_environment(settings, SETTINGS);
  lua_newtable(L);
  for (int i = 0; i < SETTINGS; i++) {
    lua_pushstring(L, settings[i].set ? settings[i].value : NULL);
    lua_setfield(L, -2, settings[i].name);
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "set");
  lua_pushcclosure(L, restore, 1);
  lua_setfield(L, -2, "restore");
  return 1;
}
