/* files.c -- the binding of large data sets: folders and their files, many images at a time, mapped files, a file that
 * is written piece by piece. genlat/data makes data sets of them. */
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/io.h"
#include "lua/binding.h"

/* ---- folders ----------------------------------------------------------------------------------------------------- */

/* What changes when a file does. */
static lua_Integer stamp(const gl_entry *e) {
  int64_t facts[] = {e->bytes, e->written, e->changed, e->number};
  return (lua_Integer)gl_hash(facts, sizeof facts, 0);
}

/* file_stamp(path) -> a whole number that changes when the file does, or nil where there is none */
static int file_stamp(lua_State *L) {
  gl_entry entry;
  if (!gl_file_entry(gll_check_path(L, 1), &entry))
    return luaL_pushfail(L), 1;
  lua_pushinteger(L, stamp(&entry));
  return 1;
}

static void free_listing(void *list) {
  gl_listing_free(list);
  gl_free(list);
}

static const gll_kind listing = {.name = "genlat.Listing", .noun = "listing", .release = free_listing};

/* list_folder(path) -> names, their stamps (false for folders), when the last of the files changed | nil, message */
static int list_folder(lua_State *L) {
  const char *path = gll_check_path(L, 1);
  lua_settop(L, 1);
  void **handle = gll_push_handle(L, &listing);
  gl_listing *list = *handle = gl_calloc(sizeof *list);
  if (!list || !gl_folder_list(path, list))
    return gll_nil(L);
  const int64_t n = list->n;
  lua_Integer newest = 0;
  lua_newtable(L);
  lua_newtable(L);
  for (int64_t i = 0; i < n; i++) {
    const gl_entry *entry = &((gl_listing *)gll_check_handle(L, 2, &listing))->entry[i];
    bool folder = entry->kind == GL_KIND_FOLDER;
    newest = !folder && entry->changed > newest ? entry->changed : newest;
    lua_Integer seen = stamp(entry);
    lua_pushstring(L, entry->name);
    lua_rawseti(L, -3, i + 1);
    if (folder)
      lua_pushboolean(L, false);
    else
      lua_pushinteger(L, seen);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushinteger(L, newest);
  return 3;
}

/* settle(when) -> whether it waited: see gl_files_settle */
static int settle(lua_State *L) {
  lua_pushboolean(L, gl_files_settle(gll_check_whole(L, 1, "settle", "when", LUA_MININTEGER, LUA_MAXINTEGER)));
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
  lua_pushinteger(L, (lua_Integer)gl_hash(
                         text, n, (uint64_t)gll_option_whole(L, 2, "hash", "seed", 0, LUA_MININTEGER, LUA_MAXINTEGER)));
  return 1;
}

/* hash_rows(tensor, [seed = 0]) -> a whole number: of the bytes of a uint8 tensor's rows, or of the whole numbers in
 * another one's, row after row: that of two tensors is that of one below the other, by hash_rows(second,
 * hash_rows(first)).
 */
static int hash_rows(lua_State *L) {
  gl_tensor *t = gll_check(L, 1);
  uint64_t seed = (uint64_t)gll_option_whole(L, 2, "hash_rows", "seed", 0, LUA_MININTEGER, LUA_MAXINTEGER);
  if (t->ndim < 1 || !gl_tensor_is_contiguous(t))
    return gll_error(L, "hash_rows: contiguous rows expected, not %s", gl_tensor_text(t));
  if (!gl_hash_rows(t, &seed))
    return gll_raise(L);
  lua_pushinteger(L, (lua_Integer)seed);
  return 1;
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

static lua_Integer whole_field(lua_State *L, int i, const char *key, lua_Integer most) {
  lua_getfield(L, i, key);
  lua_Integer value = gll_check_whole(L, -1, "read_images", key, 0, most);
  lua_pop(L, 1);
  return value;
}

/* The form {height =, width =, channels =, convert =, fit =, background =} at index i. */
static gl_form check_form(lua_State *L, int i) {
  static const char *const fits[] = {
      [GL_FIT_NONE] = "none", [GL_FIT_CROP] = "crop", [GL_FIT_STRETCH] = "stretch", NULL};
  luaL_checktype(L, i, LUA_TTABLE);
  gl_form form = {.height = whole_field(L, i, "height", LUA_MAXINTEGER),
                  .width = whole_field(L, i, "width", LUA_MAXINTEGER),
                  .channels = (int)whole_field(L, i, "channels", INT_MAX),
                  .background = (uint8_t)whole_field(L, i, "background", UINT8_MAX)};
  lua_getfield(L, i, "convert");
  form.convert = lua_toboolean(L, -1);
  lua_getfield(L, i, "fit");
  form.fit = (gl_fit)luaL_checkoption(L, -1, NULL, fits);
  lua_pop(L, 2);
  if (!gl_form_check(&form))
    gll_raise(L);
  return form;
}

/* The paths of the list at index i, which a table that this pushes keeps alive. */
static const char **check_paths(lua_State *L, int i, int *n) {
  luaL_checktype(L, i, LUA_TTABLE);
  *n = gll_check_length(L, i, "paths", "paths", 1 << 20);
  if (*n < 1)
    gll_error(L, "the list of paths is empty");
  const char **path = lua_newuserdatauv(L, (size_t)*n * sizeof *path, 0);
  lua_createtable(L, *n, 0);
  for (int k = 0; k < *n; k++) {
    lua_geti(L, i, k + 1);
    if (lua_type(L, -1) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
      gll_error(L, "element %d of the list is not a path but %s", k + 1, gll_what_is(L, -1));
    path[k] = gll_check_path(L, -1);
    lua_rawseti(L, -2, k + 1);
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
  int n;
  gl_form form = check_form(L, 2);
  const char **path = check_paths(L, 1, &n);
  gl_image_report *report = lua_newuserdatauv(L, (size_t)n * sizeof *report, 0);
  gll_push(L, gl_tensor_new(GL_UINT8, 4, (int64_t[]){n, form.height, form.width, form.channels}));
  gl_tensor *all = gll_check(L, -1);
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

/* The option of write_gif, {delay = 10}, at i; others are refused. */
static lua_Integer check_delay(lua_State *L, int i) {
  lua_Integer delay = 10;
  if (lua_isnoneornil(L, i))
    return delay;
  luaL_checktype(L, i, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, i); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || strcmp(lua_tostring(L, -2), "delay") != 0)
      return gll_error(L, "write_gif: there is no option '%s'; there is delay", luaL_tolstring(L, -2, NULL));
    delay = lua_type(L, -1) == LUA_TNUMBER ? lua_tointeger(L, -1) : 0;
  }
  return delay;
}

/* write_gif(path, frames, {delay = 10}) -> true | nil, message */
static int write_gif(lua_State *L) {
  const char *path = gll_check_path(L, 1);
  lua_Integer delay = check_delay(L, 3);
  if (delay < 1 || delay > UINT16_MAX)
    return gll_error(L, "write_gif: delay is a whole number of hundredths of a second, 1 to %d", UINT16_MAX);
  gl_tensor *t = gll_check(L, 2);
  if (!gl_gif_check(t)) {
    gl_fail_in("write_gif");
    return gll_raise(L);
  }
  return gll_report(L, gl_gif_write(path, t, (int)delay));
}

/* read_cifar10(paths) -> uint8 N x 32 x 32 x 3, labels from 1 | nil, message */
static int read_cifar10(lua_State *L) {
  int n;
  const char **path = check_paths(L, 1, &n);
  void **images = gll_push_handle(L, &gll_tensor), **labels = gll_push_handle(L, &gll_tensor);
  gl_tensor *read[2];
  if (!gl_cifar10_read(n, path, &read[0], &read[1]))
    return gll_nil(L);
  *images = read[0];
  *labels = read[1];
  gll_hold(L, -2);
  gll_hold(L, -2);
  return 2;
}

/* ---- one large file ---------------------------------------------------------------------------------------------- */

/* map_file(path, offset, shape) -> uint8 tensor | nil, message */
static int map_file(lua_State *L) {
  const char *path = gll_check_path(L, 1);
  lua_Integer offset = gll_check_whole(L, 2, "map_file", "offset", LUA_MININTEGER, LUA_MAXINTEGER);
  int64_t shape[GL_MAXDIM];
  luaL_checktype(L, 3, LUA_TTABLE);
  int ndim = gll_read_sizes(L, "map_file", 3, 3, shape);
  gl_tensor *t = gl_map_file(path, offset, ndim, shape);
  return t ? gll_push(L, t) : gll_nil(L);
}

static const gll_kind output;

static gl_output *check_output(lua_State *L) { return gll_check_handle(L, 1, &output); }

/* nil, "path: message" */
static int output_failed(lua_State *L, const char *path) {
  gl_fail_in(path);
  return gll_nil(L);
}

/* file:write(string or uint8 tensor) -> true | nil, message */
static int output_write(lua_State *L) {
  gl_tensor *t = gll_test(L, 2);
  size_t n;
  const void *bytes;
  if (t) {
    luaL_argcheck(L, t->dtype == GL_UINT8 && gl_tensor_is_contiguous(t), 2, "uint8 and contiguous expected");
    bytes = gl_tensor_bytes(t);
    n = (size_t)gl_tensor_numel(t);
  } else {
    bytes = luaL_checklstring(L, 2, &n);
  }
  gl_output *out = check_output(L);
  bool ok = gl_output_write(out, bytes, n);
  ok = (!t || gl_tensor_intact(t)) && ok;
  return ok ? gll_report(L, true) : output_failed(L, out->path);
}

/* file:close() -> true | nil, message: the file is in its place */
static int output_close(lua_State *L) {
  gl_output *out = check_output(L);
  void **handle = lua_touserdata(L, 1);
  *handle = NULL;
  bool ok = gl_output_close(out, true);
  if (!ok)
    gl_fail_in(out->path);
  gl_free(out);
  return gll_report(L, ok);
}

static const luaL_Reg output_methods[] = {{"write", output_write}, {"close", output_close}, {NULL, NULL}};

/* Leaves what was there before, as the file was not closed. */
static void discard(void *out) {
  gl_output_close(out, false);
  gl_free(out);
}

static const gll_kind output = {
    .name = "genlat.Output", .noun = "file", .closable = true, .release = discard, .methods = output_methods};

/* create_file(path) -> file | nil, message; to be kept in a <close> variable, and in place once it is closed */
static int create_file(lua_State *L) {
  size_t n;
  const char *path = gll_check_path(L, 1);
  luaL_checklstring(L, 1, &n);
  void **handle = gll_push_handle(L, &output);
  gl_output *out = gl_alloc(sizeof *out + n + 1);
  if (!out)
    return gll_nil(L);
  char *own = memcpy(out + 1, path, n + 1); /* the path, which the file points to */
  if (gl_output_open(out, own)) {
    *handle = out;
    return 1;
  }
  gl_free(out);
  return output_failed(L, path);
}

const luaL_Reg gll_files_functions[] = {
    {"list_folder", list_folder},
    {"file_stamp", file_stamp},
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
