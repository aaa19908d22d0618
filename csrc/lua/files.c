/* files.c -- the binding of large data sets: folders and their files, many images at a time, mapped files, a file that
 * is written piece by piece. genlat/data makes data sets of them. */
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/io.h"
#include "lua/binding.h"

#define OUTPUT "genlat.Output"

/* ---- folders ----------------------------------------------------------------------------------------------------- */

/* What changes when a file does. */
static lua_Integer stamp(const gl_entry *e) {
  int64_t facts[] = {e->bytes, e->written, e->changed, e->number};
  return (lua_Integer)gl_hash(facts, sizeof facts, 0);
}

/* list_folder(path) -> names, their stamps (false for folders), when the last of the files changed | nil, message
 * Lua's own functions may run out of memory and raise; the list then stays until the next call. */
static int list_folder(lua_State *L) {
  static _Thread_local gl_listing list;
  gl_listing_free(&list);
  if (!gl_folder_list(gll_check_path(L, 1), &list))
    return gll_nil(L);
  lua_createtable(L, (int)list.n, 0);
  lua_createtable(L, (int)list.n, 0);
  int64_t newest = 0;
  for (int64_t i = 0; i < list.n; i++) {
    lua_pushstring(L, list.entry[i].name);
    lua_rawseti(L, -3, i + 1);
    if (list.entry[i].kind == GL_KIND_FOLDER)
      lua_pushboolean(L, false);
    else
      lua_pushinteger(L, stamp(&list.entry[i]));
    lua_rawseti(L, -2, i + 1);
    if (list.entry[i].kind == GL_KIND_FILE && list.entry[i].changed > newest)
      newest = list.entry[i].changed;
  }
  gl_listing_free(&list);
  lua_pushinteger(L, newest);
  return 3;
}

/* settle(when) -> whether it waited: see gl_files_settle */
static int settle(lua_State *L) {
  lua_pushboolean(L, gl_files_settle(luaL_checkinteger(L, 1)));
  return 1;
}

/* real_path(path): absolute, without links; the path itself where there is no such thing */
static int real_path(lua_State *L) {
  const char *path = gll_check_path(L, 1);
  char real[PATH_MAX];
  lua_pushstring(L, realpath(path, real) ? real : path);
  return 1;
}

/* home() -> the user's folder, whatever the environment says, or nil */
static int home(lua_State *L) {
  const struct passwd *user = getpwuid(getuid());
  lua_pushstring(L, user && user->pw_dir && user->pw_dir[0] ? user->pw_dir : NULL);
  return 1;
}

/* hash(text, [seed = 0]) -> a whole number */
static int hash(lua_State *L) {
  size_t n;
  const char *text = luaL_checklstring(L, 1, &n);
  lua_pushinteger(L, (lua_Integer)gl_hash(text, n, (uint64_t)luaL_optinteger(L, 2, 0)));
  return 1;
}

/* hash_rows(tensor, [seed = 0]) -> a whole number: of the bytes of a uint8 tensor's rows, or of the whole numbers in a
 * float one's, row after row: that of two tensors is that of one below the other, by hash_rows(second,
 * hash_rows(first)).
 */
static int hash_rows(lua_State *L) {
  gl_tensor *t = gll_check(L, 1);
  uint64_t seed = (uint64_t)luaL_optinteger(L, 2, 0);
  if (t->ndim < 1 || !gl_tensor_is_contiguous(t))
    return gll_error(L, "hash_rows: contiguous rows expected, not %s", gl_tensor_text(t));
  if (!gl_hash_rows(t, &seed))
    return gll_raise(L);
  lua_pushinteger(L, (lua_Integer)seed);
  return 1;
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

static lua_Integer whole_field(lua_State *L, int i, const char *key) {
  lua_getfield(L, i, key);
  lua_Integer value = luaL_checkinteger(L, -1);
  lua_pop(L, 1);
  return value;
}

/* The form {height =, width =, channels =, convert =, fit =, background =} at index i. */
static gl_form check_form(lua_State *L, int i) {
  static const char *const fits[] = {
      [GL_FIT_NONE] = "none", [GL_FIT_CROP] = "crop", [GL_FIT_STRETCH] = "stretch", NULL};
  luaL_checktype(L, i, LUA_TTABLE);
  gl_form form = {.height = whole_field(L, i, "height"),
                  .width = whole_field(L, i, "width"),
                  .channels = (int)whole_field(L, i, "channels"),
                  .background = (uint8_t)whole_field(L, i, "background")};
  lua_getfield(L, i, "convert");
  form.convert = lua_toboolean(L, -1);
  lua_getfield(L, i, "fit");
  form.fit = (gl_fit)luaL_checkoption(L, -1, NULL, fits);
  lua_pop(L, 2);
  if (!gl_form_check(&form))
    gll_raise(L);
  return form;
}

/* The strings of the list at index i, which keeps them alive. */
static const char **check_paths(lua_State *L, int i, int64_t *n) {
  luaL_checktype(L, i, LUA_TTABLE);
  *n = (int64_t)lua_rawlen(L, i);
  luaL_argcheck(L, *n >= 1 && *n <= 1 << 20, i, "a list of 1 to 1048576 paths expected");
  const char **path = lua_newuserdatauv(L, (size_t)*n * sizeof *path, 0);
  for (int64_t k = 0; k < *n; k++) {
    lua_rawgeti(L, i, k + 1);
    path[k] = gll_check_path(L, -1);
    lua_pop(L, 1);
  }
  return path;
}

/* Pushes {[place of a file that is not good] = {what, message}}. */
static void push_problems(lua_State *L, int64_t n, const gl_image_report *report) {
  static const char *const what[] = {
      [GL_IMAGE_BROKEN] = "broken", [GL_IMAGE_MISFIT] = "misfit", [GL_IMAGE_NO_MEMORY] = "memory"};
  lua_newtable(L);
  for (int64_t i = 0; i < n; i++)
    if (report[i].state != GL_IMAGE_GOOD) {
      lua_createtable(L, 2, 0);
      lua_pushstring(L, what[report[i].state]);
      lua_rawseti(L, -2, 1);
      lua_pushstring(L, report[i].message);
      lua_rawseti(L, -2, 2);
      lua_rawseti(L, -2, i + 1);
    }
}

/* read_images(paths, form) -> uint8 N x H x W x C of the good ones (nil for none), problems */
static int read_images(lua_State *L) {
  int64_t n;
  const char **path = check_paths(L, 1, &n);
  gl_form form = check_form(L, 2);
  gl_image_report *report = lua_newuserdatauv(L, (size_t)n * sizeof *report, 0);
  gl_tensor *all = gl_tensor_new(GL_UINT8, 4, (int64_t[]){n, form.height, form.width, form.channels});
  gll_push(L, all);
  int64_t good = gl_png_read_all(n, path, &form, gl_tensor_bytes(all), report);
  if (good == 0)
    lua_pushnil(L);
  else if (good < n) {
    int64_t shape[] = {good, form.height, form.width, form.channels};
    gll_push(L, gl_tensor_view(all, 4, shape, all->stride, 0));
  }
  push_problems(L, n, report);
  return 2;
}

/* write_gif(path, frames, {delay = 10}) -> true | nil, message */
static int write_gif(lua_State *L) {
  const char *path = gll_check_path(L, 1);
  gl_tensor *t = gll_check(L, 2);
  lua_Integer delay = 10;
  if (!lua_isnoneornil(L, 3)) {
    luaL_checktype(L, 3, LUA_TTABLE);
    if (lua_getfield(L, 3, "delay") != LUA_TNIL)
      delay = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
  }
  if (delay < 1 || delay > UINT16_MAX)
    return gll_error(L, "write_gif: delay is a whole number of hundredths of a second, 1 to %d", UINT16_MAX);
  if (!gl_gif_check(t)) {
    gl_fail_in("write_gif");
    return gll_raise(L);
  }
  return gll_report(L, gl_gif_write(path, t, (int)delay));
}

/* read_cifar10(paths) -> uint8 N x 32 x 32 x 3, labels from 1 | nil, message */
static int read_cifar10(lua_State *L) {
  int64_t n;
  gl_tensor *images, *labels;
  const char **path = check_paths(L, 1, &n);
  if (!gl_cifar10_read((int)n, path, &images, &labels))
    return gll_nil(L);
  gll_push(L, images);
  gll_push(L, labels);
  return 2;
}

/* ---- one large file ---------------------------------------------------------------------------------------------- */

/* map_file(path, offset, shape) -> uint8 tensor | nil, message */
static int map_file(lua_State *L) {
  const char *path = gll_check_path(L, 1);
  lua_Integer offset = luaL_checkinteger(L, 2);
  int64_t shape[GL_MAXDIM];
  luaL_checktype(L, 3, LUA_TTABLE);
  int ndim = gll_read_sizes(L, "map_file", 3, 3, shape);
  gl_tensor *t = gl_map_file(path, offset, ndim, shape);
  return t ? gll_push(L, t) : gll_nil(L);
}

typedef struct output {
  gl_output file;
  bool open;
} output;

static output *check_output(lua_State *L) {
  output *o = luaL_checkudata(L, 1, OUTPUT);
  luaL_argcheck(L, o->open, 1, "the file is closed");
  return o;
}

/* nil, "path: message" */
static int output_failed(lua_State *L, const output *o) {
  gl_fail_in(o->file.path);
  return gll_nil(L);
}

/* file:write(string or uint8 tensor) -> true | nil, message */
static int output_write(lua_State *L) {
  output *o = check_output(L);
  gl_tensor *t = gll_test(L, 2);
  size_t n;
  const void *bytes;
  if (t) {
    luaL_argcheck(L, t->dtype == GL_UINT8 && gl_tensor_is_contiguous(t), 2, "uint8 and in a row expected");
    bytes = gl_tensor_bytes(t);
    n = (size_t)gl_tensor_numel(t);
  } else {
    bytes = luaL_checklstring(L, 2, &n);
  }
  return gl_output_write(&o->file, bytes, n) ? gll_report(L, true) : output_failed(L, o);
}

/* file:close() -> true | nil, message: the file is in its place */
static int output_close(lua_State *L) {
  output *o = check_output(L);
  o->open = false;
  return gl_output_close(&o->file, true) ? gll_report(L, true) : output_failed(L, o);
}

/* Leaves what was there before, unless the file was closed. */
static int output_discard(lua_State *L) {
  output *o = luaL_checkudata(L, 1, OUTPUT);
  if (o->open)
    gl_output_close(&o->file, false);
  o->open = false;
  return 0;
}

static const luaL_Reg output_methods[] = {
    {"write", output_write},
    {"close", output_close},
    {"__gc", output_discard},
    {"__close", output_discard},
    {NULL, NULL},
};

/* create_file(path) -> file | nil, message; to be kept in a <close> variable, and in place once it is closed */
static int create_file(lua_State *L) {
  const char *path = gll_check_path(L, 1);
  output *o = lua_newuserdatauv(L, sizeof *o, 1);
  o->open = false;
  lua_pushvalue(L, 1); /* the path, which the file points to */
  lua_setiuservalue(L, -2, 1);
  if (luaL_newmetatable(L, OUTPUT)) {
    luaL_setfuncs(L, output_methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
  }
  lua_setmetatable(L, -2);
  o->open = gl_output_open(&o->file, path);
  if (o->open)
    return 1;
  gl_fail_in(path);
  return gll_nil(L);
}

const luaL_Reg gll_files_functions[] = {
    {"list_folder", list_folder},
    {"settle", settle},
    {"real_path", real_path},
    {"home", home},
    {"hash", hash},
    {"hash_rows", hash_rows},
    {"read_images", read_images},
    {"write_gif", write_gif},
    {"read_cifar10", read_cifar10},
    {"map_file", map_file},
    {"create_file", create_file},
    {NULL, NULL},
};
