/* io.c -- the binding of files: images, data sets, the bytes of checkpoints, folders.
 *
 * What the world does (a missing or damaged file, a full disk) returns nil and a message; a wrong argument raises. */
#include <string.h>

#include "io/io.h"
#include "lua/binding.h"

const char *gll_check_path(lua_State *L, int i) {
  size_t n = 0;
  const char *path = lua_tolstring(L, i, &n);
  if (!path)
    gll_error(L, "the path is a text, not %s", lua_isnoneornil(L, i) ? "nothing" : luaL_typename(L, i));
  if (n == 0 || strlen(path) != n)
    gll_error(L, "a path is not empty and has no zero bytes");
  return path;
}

int gll_report(lua_State *L, bool ok) {
  if (!ok)
    return gll_nil(L);
  lua_pushboolean(L, true);
  return 1;
}

static int give(lua_State *L, gl_tensor *t) { return t ? gll_push(L, t) : gll_nil(L); }

/* ---- images and data sets ---------------------------------------------------------------------------------------- */

static int read_png(lua_State *L) { return give(L, gl_png_read(gll_check_path(L, 1))); }

static int write_png(lua_State *L) {
  const char *path = gll_check_path(L, 1);
  gl_tensor *t = gll_check(L, 2);
  if (!gl_png_check(t)) {
    gl_fail_in("write_png");
    return gll_raise(L);
  }
  return gll_report(L, gl_png_write(path, t));
}

/* png_encode(image) -> the bytes of a PNG file, a string */
static int png_encode(lua_State *L) {
  gl_tensor *bytes = gl_png_encode(gll_check(L, 1));
  if (!bytes) {
    gl_fail_in("png_encode");
    return gll_raise(L);
  }
  gll_push(L, bytes);
  lua_pushlstring(L, (const char *)gl_tensor_bytes(bytes), (size_t)gl_tensor_numel(bytes));
  return 1;
}

/* choose_palette(pixels) -> places, colors: up to 256 colors (uint8 K x 3) for pixels (uint8 N x 3), and the place of
 * each pixel's among them (uint8 N, from 0: not an index, a code in a byte) */
static int choose_palette(lua_State *L) {
  gl_tensor *pixels = gll_check(L, 1);
  if (pixels->dtype != GL_UINT8 || pixels->ndim != 2 || pixels->shape[1] != 3 || pixels->shape[0] == 0)
    return gll_error(L, "choose_palette: pixels are N x 3 bytes, not %s", gl_tensor_text(pixels));
  gll_push(L, gl_tensor_contiguous(pixels));
  pixels = gll_check(L, -1);
  gll_push(L, gl_tensor_new(GL_UINT8, 1, pixels->shape));
  gl_tensor *places = gll_check(L, -1);
  uint8_t palette[GL_PALETTE_MAX][3];
  int used = gl_palette_choose(gl_tensor_bytes(pixels), pixels->shape[0], palette, gl_tensor_bytes(places));
  if (used <= 0 || !gl_tensor_intact(pixels))
    return gll_raise(L);
  int64_t shape[2] = {used, 3};
  gll_push(L, gl_tensor_new(GL_UINT8, 2, shape));
  memcpy(gl_tensor_bytes(gll_check(L, -1)), palette, (size_t)used * 3);
  return 2;
}

static int read_idx(lua_State *L) { return give(L, gl_idx_read(gll_check_path(L, 1))); }

static int write_idx(lua_State *L) {
  const char *path = gll_check_path(L, 1);
  gl_tensor *t = gll_check(L, 2);
  if (!gl_idx_check(t)) {
    gl_fail_in("write_idx");
    return gll_raise(L);
  }
  return gll_report(L, gl_idx_write(path, t));
}

/* ---- safetensors: the bytes; genlat/safetensors.lua does the header ------------------------------------------------
 */

static const gll_kind safetensors;

static gl_safetensors *check_open(lua_State *L) { return gll_check_handle(L, 1, &safetensors); }

/* file:header() -> the JSON text, the number of bytes of data after it */
static int safetensors_header(lua_State *L) {
  lua_pushinteger(L, check_open(L)->data_bytes);
  lua_pushlstring(L, check_open(L)->header, (size_t)check_open(L)->header_bytes); /* copied before Lua code may run */
  lua_insert(L, -2);
  return 2;
}

/* file:tensor(dtype, shape, from, to) -> tensor | nil, message */
static int safetensors_tensor(lua_State *L) {
  const char *dtype = luaL_checkstring(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_Unsigned ndim = lua_rawlen(L, 3);
  int64_t shape[GL_MAXDIM];
  if (ndim > GL_MAXDIM) {
    gl_fail("has %llu axes, the limit is %d", (unsigned long long)ndim, (int)GL_MAXDIM);
    return gll_nil(L);
  }
  for (int i = 0; i < (int)ndim; i++) {
    lua_rawgeti(L, 3, i + 1);
    shape[i] = gll_check_whole(L, -1, "tensor", "a size", LUA_MININTEGER, LUA_MAXINTEGER);
    lua_pop(L, 1);
  }
  lua_Integer from = gll_check_whole(L, 4, "tensor", "from", LUA_MININTEGER, LUA_MAXINTEGER);
  lua_Integer to = gll_check_whole(L, 5, "tensor", "to", LUA_MININTEGER, LUA_MAXINTEGER);
  return give(L, gl_safetensors_tensor(check_open(L), dtype, (int)ndim, shape, from, to));
}

static const luaL_Reg safetensors_methods[] = {
    {"header", safetensors_header}, {"tensor", safetensors_tensor}, {NULL, NULL}};

static void close_safetensors(void *f) { gl_safetensors_close(f); }

static const gll_kind safetensors = {.name = "genlat.Safetensors",
                                     .noun = "file",
                                     .closable = true,
                                     .release = close_safetensors,
                                     .methods = safetensors_methods};

/* safetensors_open(path) -> file | nil, message; to be kept in a <close> variable */
static int safetensors_open(lua_State *L) {
  const char *path = gll_check_path(L, 1);
  void **handle = gll_push_handle(L, &safetensors);
  *handle = gl_safetensors_open(path);
  return *handle ? 1 : gll_nil(L);
}

/* safetensors_describe(value) -> dtype, bytes, shape of a tensor as it would be written; nothing for another value */
static int safetensors_describe(lua_State *L) {
  gl_tensor *t = gll_test(L, 1);
  if (!t)
    return 0;
  gll_hold(L, 1);
  lua_pushstring(L, gl_safetensors_dtype(t));
  lua_pushinteger(L, gl_tensor_numel(t) * (int64_t)gl_dtype_size(t->dtype));
  gll_push_sizes(L, t->ndim, t->shape);
  return 3;
}

/* safetensors_write(path, header, list of tensors) -> true | nil, message */
static int safetensors_write(lua_State *L) {
  const char *path = gll_check_path(L, 1);
  size_t header_bytes;
  const char *header = luaL_checklstring(L, 2, &header_bytes);
  int n;
  gl_tensor **list = gll_tensor_list(L, "safetensors_write", 3, &n);
  return gll_report(L, gl_safetensors_write(path, header, header_bytes, n, list));
}

/* ---- files and folders ------------------------------------------------------------------------------------------- */

/* write_file(path, text): replaces the file as a whole, or leaves it as it was */
static int write_file(lua_State *L) {
  size_t n;
  const char *path = gll_check_path(L, 1), *text = luaL_checklstring(L, 2, &n);
  return gll_report(L, gl_file_write_atomic(path, text, n));
}

static int mkdirs(lua_State *L) { return gll_report(L, gl_file_mkdirs(gll_check_path(L, 1))); }

/* file_kind(path) -> "file", "folder" or nil where there is nothing */
static int file_kind(lua_State *L) {
  static const char *const name[] = {[GL_KIND_NONE] = NULL, [GL_KIND_FILE] = "file", [GL_KIND_FOLDER] = "folder"};
  lua_pushstring(L, name[gl_file_find(gll_check_path(L, 1))]);
  return 1;
}

const luaL_Reg gll_io_functions[] = {
    {"read_png", read_png},
    {"write_png", write_png},
    {"png_encode", png_encode},
    {"choose_palette", choose_palette},
    {"read_idx", read_idx},
    {"write_idx", write_idx},
    {"safetensors_open", safetensors_open},
    {"safetensors_describe", safetensors_describe},
    {"safetensors_write", safetensors_write},
    {"write_file", write_file},
    {"mkdirs", mkdirs},
    {"file_kind", file_kind},
    {NULL, NULL},
};
