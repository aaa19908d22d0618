/* synth.c -- the built-in data sets for Lua. */
#include "synth/synth.h"

#include <string.h>

#include "core/shape.h"
#include "lua/binding.h"

typedef struct order order;
typedef bool draw_images(const order *o, uint8_t *images, uint8_t *labels, float *factors);

struct order { /* what is to be drawn: `count` images from `first` (from 0) on */
  draw_images *draw;
  uint64_t seed, first;
  int64_t count;
  int side, channels, factors;
  bool correlated;
};

/* Fills images, labels, factors. The factors pass through a float buffer, because gl_real may be double. */
static bool fill(const order *o, gl_tensor *const *out) {
  int64_t n = o->count * o->factors;
  float *factors = gl_alloc_array(n, 1, sizeof *factors);
  if (!factors)
    return false;
  bool ok = o->draw(o, gl_tensor_bytes(out[0]), gl_tensor_bytes(out[1]), factors);
  gl_real *to = gl_tensor_data(out[2]);
  for (int64_t i = 0; ok && i < n; i++)
    to[i] = factors[i];
  gl_free(factors);
  return ok;
}

/* Reads count, seed = 0, first = 1 from the stack's first three places, draws, and pushes images (uint8, count x side x
 * side x channels), labels (uint8, count, from 1) and factors (float, count x factors). */
static int draw(lua_State *L, const char *name, order o) {
  o.count = gll_check_whole(L, 1, name, "the count", LUA_MININTEGER, LUA_MAXINTEGER);
  if (o.count < 1 || o.count > INT32_MAX)
    return gll_error(L, "%s: the count must be 1 to %d, not %I", name, INT32_MAX, (LUAI_UACINT)o.count);
  lua_Integer first = gll_option_whole(L, 3, name, "the first image", 1, LUA_MININTEGER, LUA_MAXINTEGER);
  if (first < 1)
    return gll_error(L, "%s: the first image is 1 or later, not %I", name, (LUAI_UACINT)first);
  o.first = (uint64_t)first - 1;
  o.seed = (uint64_t)gll_option_whole(L, 2, name, "the seed", 0, LUA_MININTEGER, LUA_MAXINTEGER);
  const int64_t images[] = {o.count, o.side, o.side, o.channels}, factors[] = {o.count, o.factors};
  gll_push(L, gl_tensor_new(GL_UINT8, 4, images));
  gll_push(L, gl_tensor_new(GL_UINT8, 1, images));
  gll_push(L, gl_tensor_new(GL_FLOAT, 2, factors));
  gl_tensor *out[] = {gll_check(L, -3), gll_check(L, -2), gll_check(L, -1)};
  return fill(&o, out) ? 3 : gll_raise(L);
}

static int push_names(lua_State *L, const char *const *names, int n) {
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    lua_pushstring(L, names[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* ---- digits ----------------------------------------------------------------------------------------------------- */

static bool draw_digits(const order *o, uint8_t *images, uint8_t *labels, float *factors) {
  return gl_digits(o->seed, o->first, o->count, images, labels, factors);
}

/* digits(count, seed = 0, first = 1) -> images (uint8, count x 28 x 28 x 1), labels (uint8, count, 1 for the digit 0 to
 * 10), factors (float, count x #digits_factors()). Image i, counting from 1, depends on (seed, i) only. */
static int digits(lua_State *L) {
  return draw(L, "digits",
              (order){.draw = draw_digits, .side = GL_DIGITS_SIDE, .channels = 1, .factors = GL_DIGITS_FACTORS});
}

/* digits_factors() -> the list of the factors' names, in the order of digits' third result. */
static int digits_factors(lua_State *L) { return push_names(L, gl_digits_factor_names, GL_DIGITS_FACTORS); }

/* ---- faces ------------------------------------------------------------------------------------------------------ */

static bool draw_faces(const order *o, uint8_t *images, uint8_t *labels, float *factors) {
  return gl_faces(o->seed, o->first, o->count, o->side, o->correlated, images, labels, factors);
}

/* The side of a face's image at stack index i, 32 where there is none. */
static int check_side(lua_State *L, int i, const char *name) {
  lua_Integer side = gll_option_whole(L, i, name, "the side", 32, LUA_MININTEGER, LUA_MAXINTEGER);
  if (side < GL_FACES_SIDE_MIN || side > GL_FACES_SIDE_MAX)
    gll_error(L, "%s: the side is %d to %d pixels, not %I", name, GL_FACES_SIDE_MIN, GL_FACES_SIDE_MAX,
              (LUAI_UACINT)side);
  return (int)side;
}

/* faces(count, seed = 0, first = 1, side = 32, correlated = false) -> images (uint8, count x side x side x 3), labels
 * (uint8, count, 1 to #faces_classes()), factors (float, count x #faces_factors()). Image i, counting from 1, depends
 * on (seed, i), side and correlated only. */
static int faces(lua_State *L) {
  return draw(L, "faces",
              (order){.draw = draw_faces,
                      .side = check_side(L, 4, "faces"),
                      .correlated = lua_toboolean(L, 5),
                      .channels = 3,
                      .factors = GL_FACES_FACTORS});
}

/* faces_factors(), faces_classes() -> the names of the attributes, and of the classes. */
static int faces_factors(lua_State *L) { return push_names(L, gl_faces_factor_names, GL_FACES_FACTORS); }
static int faces_classes(lua_State *L) { return push_names(L, gl_faces_class_names, GL_FACES_CLASSES); }

static void read_attribute(lua_State *L, float *factors) {
  if (lua_type(L, -2) == LUA_TSTRING)
    for (int i = 0; i < GL_FACES_FACTORS; i++)
      if (strcmp(lua_tostring(L, -2), gl_faces_factor_names[i]) == 0) {
        if (lua_type(L, -1) != LUA_TNUMBER)
          gll_error(L, "face: %s is a number, not %s", gl_faces_factor_names[i], luaL_typename(L, -1));
        factors[i] = (float)lua_tonumber(L, -1);
        return;
      }
  gll_error(L, "face: there is no attribute %s (faces_factors() lists them)", luaL_tolstring(L, -2, NULL));
}

/* face(attributes, side = 32, seed, index) -> image (uint8, side x side x 3) of the face with the attributes of the
 * table {smile =, ...}, those left out as usual. Its look is that of image `index` of faces(..., seed, ...), or the
 * plain one where no index is given. */
static int face(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  int side = check_side(L, 2, "face");
  gl_faces_look look = {(uint64_t)gll_option_whole(L, 3, "face", "the seed", 0, LUA_MININTEGER, LUA_MAXINTEGER),
                        (uint64_t)gll_option_whole(L, 4, "face", "the index", 1, 1, LUA_MAXINTEGER) - 1};
  const int64_t shape[] = {side, side, 3};
  float factors[GL_FACES_FACTORS];
  memcpy(factors, gl_faces_usual, sizeof factors);
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
    read_attribute(L, factors);
  bool plain = lua_isnoneornil(L, 4);
  gll_push(L, gl_tensor_new(GL_UINT8, 3, shape));
  return gl_face(factors, plain ? NULL : &look, side, gl_tensor_bytes(gll_check(L, -1))) ? 1 : gll_raise(L);
}

const luaL_Reg gll_synth_functions[] = {
    {"digits", digits},
    {"digits_factors", digits_factors},
    {"faces", faces},
    {"faces_factors", faces_factors},
    {"faces_classes", faces_classes},
    {"face", face},
    {NULL, NULL},
};
