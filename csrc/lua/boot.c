/* boot.c -- genlat.boot, opened just before genlat.core: refuses a processor that the core was not built for, and sets
 * what OpenBLAS reads from the environment while it is being loaded.
 *
 * It is a module of its own because it has to run before the core's code and OpenBLAS's constructor do; so it is
 * compiled for the plain architecture, with processor.c, and linked with neither.
 */
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lua/processor.h"

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
  if ((int)lua_version(L) != LUA_VERSION_NUM)
    return luaL_error(L,
                      "genlat was built for " LUA_VERSION ", which this is not: rebuild it here with `make clean all`");
  char vendor[13];
  const char *lacking = gl_processor_lacks();
  if (lacking)
    return luaL_error(L,
                      "genlat was built for a processor with %s, which this one lacks: rebuild it here with "
                      "`make clean all`",
                      lacking);
  gl_processor_vendor(vendor);
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
      {.name = "OPENBLAS_CORETYPE",
       .value = "SkylakeX",
       .wanted = strcmp(vendor, "AuthenticAMD") == 0 && gl_processor_has_avx512()},
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
