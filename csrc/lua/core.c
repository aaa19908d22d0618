/* core.c -- opens genlat.core: puts the parts of the binding together, with the functions that belong to none. */
#include "core/plain.h"
#include "lua/binding.h"

#include <stdarg.h>
#include <string.h>

#include "core/text.h"

/* ---- errors ---- */

static const char library_key[] = "genlat.library";

/* set_library(source): the beginning of the names of genlat's own Lua files, as debug.getinfo gives them */
static int set_library(lua_State *L) {
  luaL_checkstring(L, 1);
  lua_settop(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, library_key);
  return 0;
}

/* Pushes "file:line: " of the nearest line of Lua outside the library, or "". */
static void push_where(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, library_key);
  const char *library = lua_tostring(L, -1);
  lua_Debug at;
  for (int level = 1; lua_getstack(L, level, &at); level++) {
    lua_getinfo(L, "Sl", &at);
    if (at.currentline > 0 && !(library && strncmp(at.source, library, strlen(library)) == 0)) {
      lua_pushfstring(L, "%s:%d: ", at.short_src, at.currentline);
      lua_remove(L, -2);
      return;
    }
  }
  lua_pop(L, 1);
  lua_pushliteral(L, "");
}

/* Pushes the text at index i as it is shown. */
static void push_shown(lua_State *L, int i) {
  size_t n;
  const char *text = lua_tolstring(L, i, &n);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  char piece[GL_TEXT_PIECE];
  for (size_t at = 0; at < n;) {
    at += gl_text_piece(text + at, n - at, piece);
    luaL_addstring(&b, piece);
  }
  luaL_pushresult(&b);
}

int gll_error(lua_State *L, const char *format, ...) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  push_where(L);
  va_list args;
  va_start(args, format);
  lua_pushvfstring(L, format, args);
  va_end(args);
  lua_concat(L, 2);
  push_shown(L, lua_gettop(L));
  return lua_error(L);
}

/* users_line() -> "file:line: " of the user's line that led here, or "" */
static int users_line(lua_State *L) {
  push_where(L);
  return 1;
}

/* error(message): raises it at the user's line. What it quotes is escaped already, its own lines stay. */
static int raise_message(lua_State *L) {
  luaL_checkstring(L, 1);
  lua_settop(L, 1);
  push_where(L);
  push_shown(L, 2);
  lua_replace(L, 2);
  lua_insert(L, 1);
  lua_concat(L, 2);
  return lua_error(L);
}

/* shown(text) -> the text with what could command a terminal escaped */
static int shown(lua_State *L) {
  luaL_checkstring(L, 1);
  push_shown(L, 1);
  return 1;
}

int gll_raise(lua_State *L) { return gll_error(L, "%s", gl_error()); }

int gll_nil(lua_State *L) {
  luaL_pushfail(L);
  lua_pushstring(L, gl_error());
  return 2;
}

static int threads(lua_State *L) {
  if (!lua_isnoneornil(L, 1)) {
    lua_Integer n = gll_check_whole(L, 1, "threads", "the number", LUA_MININTEGER, LUA_MAXINTEGER);
    if (n < 1 || n > 1024)
      return gll_error(L, "threads: expected a number from 1 to 1024, got %I", (LUAI_UACINT)n);
    if (!gl_set_threads((int)n))
      return gll_error(L, "threads: %s", gl_error());
  }
  lua_pushinteger(L, gl_threads());
  return 1;
}

static void set_integer(lua_State *L, const char *key, size_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, key);
}

static void set_string(lua_State *L, const char *key, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

static int memory(lua_State *L) {
  gl_memory_info m = gl_memory();
  lua_createtable(L, 0, 3);
  set_integer(L, "live", m.live);
  set_integer(L, "pooled", m.pooled);
  set_integer(L, "peak", m.peak);
  return 1;
}

static int memory_trim(lua_State *L) {
  (void)L;
  gl_memory_trim();
  return 0;
}

/* memory_allow([bytes]): limits what may be allocated from now on, or lifts the limit -> whether it was met */
static int memory_allow(lua_State *L) {
  lua_Integer bytes = gll_option_whole(L, 1, "memory_allow", "bytes", -1, -1, LUA_MAXINTEGER);
  lua_pushboolean(L, gl_memory_allow(bytes < 0 ? SIZE_MAX : (size_t)bytes));
  return 1;
}

/* memory_fail_after(n) -> see gl_memory_fail_after */
static int memory_fail_after(lua_State *L) {
  lua_Integer n = gll_check_whole(L, 1, "memory_fail_after", "the number of allocations", -1, INT32_MAX);
  lua_pushinteger(L, gl_memory_fail_after((long)n));
  return 1;
}

static int info(lua_State *L) {
  lua_createtable(L, 0, 8);
  set_string(L, "version", GL_VERSION);
  set_string(L, "lua", LUA_RELEASE);
  set_string(L, "blas", gl_blas_config());
  set_string(L, "blas_core", gl_blas_core());
  set_string(L, "instruction_set", gl_instruction_set());
  set_string(L, "dtype", gl_dtype_name(GL_FLOAT));
  set_integer(L, "threads", (size_t)gl_threads());
  return 1;
}

/* plain(f, ...): f(...), and its results, where numbers become texts with a point, and texts are ordered by their
 * bytes, whatever the program's locale; f cannot yield */
static int plain(lua_State *L) {
  luaL_checkany(L, 1);
  locale_t before = gl_plain_begin();
  int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  gl_plain_end(before);
  return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

static const luaL_Reg core_functions[] = {
    {"threads", threads},
    {"plain", plain},
    {"memory", memory},
    {"memory_trim", memory_trim},
    {"memory_fail_after", memory_fail_after},
    {"memory_allow", memory_allow},
    {"info", info},
    {"set_library", set_library},
    {"users_line", users_line},
    {"kind_of", gll_kind_of},
    {"error", raise_message},
    {"shown", shown},
    {NULL, NULL},
};

__attribute__((visibility("default"))) int luaopen_genlat_core(lua_State *L);

int luaopen_genlat_core(lua_State *L) {
  luaL_checkversion(L);
  if (!gl_parallel_start())
    return luaL_error(L, "genlat: %s", gl_error());
  lua_newtable(L);
  int module = lua_gettop(L);
  gll_open_state(L);
  luaL_setfuncs(L, core_functions, 0);
  luaL_setfuncs(L, gll_state_functions, 0);
  luaL_setfuncs(L, gll_create_functions, 0);
  luaL_setfuncs(L, gll_io_functions, 0);
  luaL_setfuncs(L, gll_files_functions, 0);
  luaL_setfuncs(L, gll_lock_functions, 0);
  luaL_setfuncs(L, gll_synth_functions, 0);
  luaL_setfuncs(L, gll_system_functions, 0);
  luaL_setfuncs(L, gll_signal_functions, 0);
  luaL_setfuncs(L, gll_output_functions, 0);
  luaL_setfuncs(L, gll_layer_functions, 0);
  luaL_setfuncs(L, gll_optimizer_functions, 0);
  luaL_setfuncs(L, gll_latent_functions, 0);
  lua_newtable(L);
  luaL_setfuncs(L, gll_linalg_functions, 0);
  lua_setfield(L, -2, "linalg");
  gll_open_tensor(L, module);
  gll_open_ops(L, module);
  return 1;
}
