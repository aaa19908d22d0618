/* arguments.c -- turns Lua arguments into an op's, a layer's or an optimizer's, as its signature says. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lua/binding.h"

static void mistake(lua_State *L, const char *name, const gl_parameter *p, const char *expected, int i) {
  bool fraction = lua_type(L, i) == LUA_TNUMBER && !lua_isinteger(L, i);
  gll_error(L, "%s: %s: expected %s, got %s", name, p->name, expected,
            fraction ? "number with a fraction" : gll_what_is(L, i));
}

/* ---- numbers and lengths ---- */

lua_Integer gll_check_whole(lua_State *L, int i, const char *name, const char *what, lua_Integer least,
                            lua_Integer most) {
  int whole = 0;
  lua_Integer n = lua_type(L, i) == LUA_TNUMBER ? lua_tointegerx(L, i, &whole) : 0;
  if (whole && n >= least && n <= most)
    return n;
  const char *got = lua_type(L, i) == LUA_TNUMBER ? luaL_tolstring(L, i, NULL) : gll_what_is(L, i);
  if (most == LUA_MAXINTEGER && least == LUA_MININTEGER)
    gll_error(L, "%s: %s is a whole number, not %s", name, what, got);
  else if (most == LUA_MAXINTEGER)
    gll_error(L, "%s: %s is a whole number from %I, not %s", name, what, (LUAI_UACINT)least, got);
  else
    gll_error(L, "%s: %s is a whole number from %I to %I, not %s", name, what, (LUAI_UACINT)least, (LUAI_UACINT)most,
              got);
  return least;
}

lua_Integer gll_option_whole(lua_State *L, int i, const char *name, const char *what, lua_Integer otherwise,
                             lua_Integer least, lua_Integer most) {
  return lua_isnoneornil(L, i) ? otherwise : gll_check_whole(L, i, name, what, least, most);
}

int gll_check_length(lua_State *L, int i, const char *name, const char *what, int most) {
  int whole = 0;
  lua_len(L, i);
  lua_Integer n = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &whole) : 0;
  if (!whole || n < 0 || n > most)
    gll_error(L, "%s: %s: the length of the list is a whole number from 0 to %d, not %s", name, what, most,
              luaL_tolstring(L, -1, NULL));
  lua_pop(L, 1);
  return (int)n;
}

/* One parameter of a signature as users read it. */
static void add_parameter(luaL_Buffer *b, const gl_parameter *p) {
  char text[GL_NAME_SIZE + 8];
  snprintf(text, sizeof text, p->optional ? "[%s]" : p->has_default ? "%s = " : "%s", p->name);
  luaL_addstring(b, text);
  if (!p->has_default)
    return;
  if (p->type == 'P')
    luaL_addchar(b, '{');
  luaL_addlstring(b, p->value, (size_t)p->length);
  if (p->type == 'P')
    luaL_addchar(b, '}');
}

const char *gll_push_signature(lua_State *L, const char *signature, bool tensors) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  gl_parameter p;
  for (bool first = true; gl_signature_next(&signature, &p);) {
    if (p.type == 'T' && !tensors)
      continue;
    if (!first)
      luaL_addstring(&b, ", ");
    first = false;
    add_parameter(&b, &p);
  }
  luaL_pushresult(&b);
  if (*lua_tostring(L, -1) == '\0') {
    lua_pop(L, 1);
    lua_pushliteral(L, "none");
  }
  return lua_tostring(L, -1);
}

int gll_find_parameter(const char *signature, const char *key, gl_parameter *p) {
  for (int k = 0; gl_signature_next(&signature, p);) {
    if (p->type == 'T')
      continue;
    if (strcmp(p->name, key) == 0)
      return k;
    k++;
  }
  return -1;
}

/* ---- single values ---- */

static bool read_list(lua_State *L, const char *name, const char *what, int i, gl_list *list) {
  if (lua_type(L, i) == LUA_TNUMBER) {
    int ok;
    list->v[0] = lua_tointegerx(L, i, &ok);
    list->n = 1;
    return ok;
  }
  int n = lua_istable(L, i) ? gll_check_length(L, i, name, what, INT_MAX) : GL_MAXDIM + 1;
  if (n > GL_MAXDIM)
    return false;
  for (int k = 1; k <= n; k++) {
    int ok;
    lua_geti(L, i, k);
    list->v[k - 1] = lua_tointegerx(L, -1, &ok);
    ok = ok && lua_type(L, -1) == LUA_TNUMBER;
    lua_pop(L, 1);
    if (!ok)
      return false;
  }
  list->n = n;
  return true;
}

/* Names the first field that stands in a list beside its elements, as in x:sum {1, keepdim = true}; else NULL. */
static const char *stray_field(lua_State *L, int i) {
  const char *key = NULL;
  lua_pushnil(L);
  while (!key && lua_next(L, i)) {
    lua_pop(L, 1);
    key = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  }
  return key; /* which the table keeps, though it stays on the stack */
}

static bool read_pair(lua_State *L, const char *name, const char *what, int i, double *pair) {
  if (!lua_istable(L, i) || gll_check_length(L, i, name, what, INT_MAX) != 2)
    return false;
  for (int k = 0; k < 2; k++) {
    int ok;
    lua_geti(L, i, k + 1);
    pair[k] = lua_tonumberx(L, -1, &ok);
    lua_pop(L, 1);
    if (!ok)
      return false;
  }
  return true;
}

static void read_word(lua_State *L, const char *name, const gl_parameter *p, int i, gl_arg *arg) {
  if (lua_type(L, i) != LUA_TSTRING)
    mistake(L, name, p, "a word", i);
  arg->i = gl_signature_word(p, lua_tostring(L, i));
  if (arg->i < 0) {
    lua_pushlstring(L, p->value, (size_t)p->length);
    gll_error(L, "%s: %s is one of %s, not '%s'", name, p->name, luaL_gsub(L, lua_tostring(L, -1), "|", ", "),
              lua_tostring(L, i));
  }
}

/* A list and options in one table would be read as the list alone. */
static void check_no_fields(lua_State *L, const char *name, const char *list, int i) {
  int top = lua_gettop(L);
  const char *key = lua_istable(L, i) ? stray_field(L, i) : NULL;
  if (key)
    gll_error(L, "%s: '%s' stands in the list of %s: options come after it, in a table of their own", name, key, list);
  lua_settop(L, top);
}

void gll_read_value(lua_State *L, const char *name, const gl_parameter *p, int i, gl_arg *arg) {
  int ok = lua_type(L, i) == LUA_TNUMBER;
  switch (p->type) {
  case 'F':
    arg->f = lua_tonumber(L, i);
    if (!ok)
      mistake(L, name, p, "a number", i);
    break;
  case 'I':
    if (ok)
      arg->i = lua_tointegerx(L, i, &ok);
    if (!ok)
      mistake(L, name, p, "a whole number", i);
    break;
  case 'B':
    if (!lua_isboolean(L, i))
      mistake(L, name, p, "true or false", i);
    arg->b = lua_toboolean(L, i);
    break;
  case 'L':
    if (!read_list(L, name, p->name, i, &arg->list))
      mistake(L, name, p, "a whole number or a list of at most 8", i);
    check_no_fields(L, name, p->name, i);
    break;
  case 'P':
    if (!read_pair(L, name, p->name, i, arg->pair))
      mistake(L, name, p, "a pair of numbers, such as {0.9, 0.999}", i);
    break;
  default:
    read_word(L, name, p, i, arg);
  }
  arg->given = true;
}

void gll_push_value(lua_State *L, const gl_parameter *p, const gl_arg *arg) {
  switch (p->type) {
  case 'F':
    lua_pushnumber(L, arg->f);
    break;
  case 'I':
    lua_pushinteger(L, arg->i);
    break;
  case 'B':
    lua_pushboolean(L, arg->b);
    break;
  case 'P':
    lua_createtable(L, 2, 0);
    for (int k = 0; k < 2; k++) {
      lua_pushnumber(L, arg->pair[k]);
      lua_rawseti(L, -2, k + 1);
    }
    break;
  case 'W': {
    size_t length;
    const char *word = gl_signature_word_at(p, arg->i, &length);
    lua_pushlstring(L, word, length);
    break;
  }
  default: /* L */
    gll_push_sizes(L, arg->list.n, arg->list.v);
  }
}

static void set_field(lua_State *L, const char *key, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

void gll_push_description(lua_State *L, const char *name, const char *signature, const char *doc) {
  lua_createtable(L, 0, 6);
  set_field(L, "name", name);
  set_field(L, "signature", signature);
  set_field(L, "doc", doc);
}

int gll_read_sizes(lua_State *L, const char *name, int first, int last, int64_t *sizes) {
  gl_parameter p = {.name = "sizes"};
  gl_list list;
  if (first == last) {
    if (!read_list(L, name, p.name, first, &list))
      mistake(L, name, &p, "at most 8 whole numbers", first);
    memcpy(sizes, list.v, sizeof list.v);
    return list.n;
  }
  int n = last - first + 1;
  if (n > GL_MAXDIM)
    gll_error(L, "%s: at most %d sizes, not %d", name, GL_MAXDIM, n);
  for (int k = 0; k < n; k++) {
    int ok;
    sizes[k] = lua_tointegerx(L, first + k, &ok);
    if (!ok || lua_type(L, first + k) != LUA_TNUMBER)
      mistake(L, name, &p, "whole numbers", first + k);
  }
  return n < 0 ? 0 : n;
}

/* ---- tensors ---- */

enum { MOST_TENSORS = 1 << 24 }; /* in a list */

/* Makes sure that a tensor stands at index i, converting a number or table in place. */
static void read_tensor(lua_State *L, const char *name, const gl_parameter *p, int i) {
  if (gll_test(L, i))
    return;
  if (lua_type(L, i) != LUA_TNUMBER && !lua_istable(L, i))
    mistake(L, name, p, "a tensor", i);
  gll_push_converted(L, i, GL_FLOAT);
  lua_replace(L, i);
}

/* Puts the elements of the list at index i, metamethods heeded, into a table of ours there, up to the first that is no
 * tensor. */
static void copy_list(lua_State *L, int i, int n) {
  bool good = true;
  lua_newtable(L);
  for (int k = 1; k <= n && good; k++) {
    lua_geti(L, i, k);
    good = gll_test(L, -1);
    lua_rawseti(L, -2, k);
  }
  lua_replace(L, i);
}

gl_tensor **gll_tensor_list(lua_State *L, const char *name, int i, int *count) {
  if (!lua_istable(L, i))
    gll_error(L, "%s: expected a list of tensors, got %s", name, gll_what_is(L, i));
  check_no_fields(L, name, "tensors", i);
  int n = *count = gll_check_length(L, i, name, "tensors", MOST_TENSORS);
  if (luaL_getmetafield(L, i, "__index") != LUA_TNIL) {
    lua_pop(L, 1);
    copy_list(L, i, n);
  }
  gl_tensor **list = lua_newuserdatauv(L, sizeof *list * (size_t)n + 1, 0);
  for (int k = 1; k <= n; k++) { /* from here on no Lua code runs */
    lua_rawgeti(L, i, k);
    list[k - 1] = gll_test(L, -1);
    if (!list[k - 1])
      gll_error(L, "%s: element %d of the list is not a tensor but %s", name, k, gll_what_is(L, -1));
    lua_pop(L, 1);
  }
  return list;
}

/* ---- whole argument lists ---- */

/* A table of options: one with a string key, or an empty one where no list is wanted. */
static bool is_options(lua_State *L, const gl_parameter *p, int i) {
  if (!lua_istable(L, i))
    return false;
  bool named = p->type != 'L';
  lua_pushnil(L);
  if (lua_next(L, i)) {
    named = lua_type(L, -2) == LUA_TSTRING;
    lua_pop(L, 2);
  }
  return named;
}

static void read_options(lua_State *L, const char *name, const char *signature, int i, gl_arg *arg) {
  lua_pushnil(L);
  while (lua_next(L, i)) {
    gl_parameter p;
    if (lua_type(L, -2) != LUA_TSTRING)
      gll_error(L, "%s: options are given by name", name);
    const char *key = lua_tostring(L, -2);
    int k = gll_find_parameter(signature, key, &p);
    if (k < 0)
      gll_error(L, "%s: there is no option '%s' (it takes %s)", name, key, gll_push_signature(L, signature, false));
    gll_read_value(L, name, &p, lua_gettop(L), &arg[k]);
    lua_pop(L, 1);
  }
}

static void check_required(lua_State *L, const char *name, const char *signature, const gl_arg *arg) {
  gl_parameter p;
  for (int k = 0; gl_signature_next(&signature, &p);) {
    if (p.type == 'T')
      continue;
    if (!arg[k++].given && !p.optional && !p.has_default)
      gll_error(L, "%s: %s is missing", name, p.name);
  }
}

void gll_read_arguments(lua_State *L, const char *name, const char *signature, int first, gll_arguments *a) {
  const char *cursor = signature;
  gl_parameter p;
  int i = first, last = lua_gettop(L), k = 0;
  memset(a, 0, sizeof *a);
  gl_signature_defaults(signature, a->arg);
  while (gl_signature_next(&cursor, &p)) {
    if (p.type == 'T' && p.many) {
      if (!lua_istable(L, i))
        mistake(L, name, &p, "a list of tensors", i);
      a->list = i++;
    } else if (p.type == 'T') {
      bool named = p.optional && i <= last && is_options(L, &p, i), left_out = p.optional && lua_isnoneornil(L, i);
      if (!left_out && !named)
        read_tensor(L, name, &p, i);
      a->tensor[a->ntensor++] = left_out || named ? 0 : i;
      i += !named;
    } else if (i <= last && is_options(L, &p, i)) {
      read_options(L, name, signature, i++, a->arg);
      break;
    } else if (p.type == 'L' && *cursor == '\0' && i < last) {
      a->arg[k].list.n = gll_read_sizes(L, name, i, last, a->arg[k].list.v);
      a->arg[k].given = true;
      i = last + 1;
    } else {
      if (!lua_isnoneornil(L, i))
        gll_read_value(L, name, &p, i, &a->arg[k]);
      i++;
      k++;
    }
  }
  if (k == 0 && i == last && *signature == '\0' && lua_istable(L, i)) /* options for what takes none */
    read_options(L, name, signature, i++, a->arg);
  if (i <= last && !lua_isnil(L, i))
    gll_error(L, "%s: too many arguments (it takes %s)", name, gll_push_signature(L, signature, true));
  check_required(L, name, signature, a->arg);
}
