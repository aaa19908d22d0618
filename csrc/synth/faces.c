/* faces.c -- the built-in data set of cartoon faces: their attributes and looks by chance. */
#include <math.h>
#include <string.h>

#include "core/parallel.h"
#include "synth/chance.h"
#include "synth/portrait.h"
#include "synth/synth.h"

const char *const gl_faces_factor_names[] = {"smile",   "skin",     "hair_colour", "hair_length", "beard",
                                             "glasses", "eye_size", "turn",        "background"};
_Static_assert(sizeof gl_faces_factor_names / sizeof *gl_faces_factor_names == GL_FACES_FACTORS, "a name a factor");
const float gl_faces_usual[GL_FACES_FACTORS] = {
    [GL_FACES_SMILE] = 0.4f,       [GL_FACES_SKIN] = 0.25f,    [GL_FACES_HAIR_COLOUR] = 0.25f,
    [GL_FACES_HAIR_LENGTH] = 0.4f, [GL_FACES_EYE_SIZE] = 0.5f, [GL_FACES_BACKGROUND] = 0.75f,
};
const char *const gl_faces_class_names[] = {"black", "brown", "red", "blond", "white"};
_Static_assert(sizeof gl_faces_class_names / sizeof *gl_faces_class_names == GL_FACES_CLASSES, "a name a class");

static const uint64_t STREAM = 0x6661636573000000u; /* image i draws from gl_philox's stream STREAM + i */
enum { LOOK = 64 };                                 /* its attributes from block 0 on, its look from this one on */

/* ---- attributes ------------------------------------------------------------------------------------------------- */

/* Two independent standard normal numbers (Box and Muller). */
static void normals(gl_chance *c, float *a, float *b) {
  float radius = sqrtf(-2 * logf(gl_chance_uniform(c, 1, 0))), angle = gl_chance_uniform(c, 0, 6.2831853f);
  *a = radius * cosf(angle);
  *b = radius * sinf(angle);
}

/* The standard normal distribution function: makes a normal number one from U(0, 1). */
static float evenly(float z) { return 0.5f * erfcf(-0.70710678f * z); }

static void choose_factors(uint64_t seed, uint64_t index, bool correlated, float *factor) {
  gl_chance c = {.seed = seed, .stream = STREAM + index};
  float z[GL_FACES_FACTORS + 1]; /* normals come in pairs */
  for (int i = 0; i < GL_FACES_FACTORS; i += 2)
    normals(&c, &z[i], &z[i + 1]);
  if (correlated) {
    z[GL_FACES_BEARD] = -0.6f * z[GL_FACES_HAIR_LENGTH] - 0.5f * z[GL_FACES_SMILE] + 0.6245f * z[GL_FACES_BEARD];
    z[GL_FACES_GLASSES] = 0.8f * z[GL_FACES_SKIN] + 0.6f * z[GL_FACES_GLASSES];
  }
  for (int i = 0; i < GL_FACES_FACTORS; i++)
    factor[i] = evenly(z[i]);
  factor[GL_FACES_SMILE] = 2 * factor[GL_FACES_SMILE] - 1;
  factor[GL_FACES_TURN] = 2 * factor[GL_FACES_TURN] - 1;
  factor[GL_FACES_BEARD] = factor[GL_FACES_BEARD] < 0.5f ? 0 : 2 * factor[GL_FACES_BEARD] - 1;
  factor[GL_FACES_GLASSES] = factor[GL_FACES_GLASSES] < 0.5f ? 0.0f : 1.0f;
}

/* The nearest of five colours along the row. */
static uint8_t class_of(const float *factor) {
  return (uint8_t)(1 + (int)(factor[GL_FACES_HAIR_COLOUR] * (GL_FACES_CLASSES - 1) + 0.5f));
}

/* ---- look ------------------------------------------------------------------------------------------------------- */

static const gl_look plain = {.blush = 0.5f, .fringe = 0.3f, .curl = 0.2f, .parting = 0.4f, .shirt = 8, .collar = 1};

static float around(gl_chance *c) { return gl_chance_uniform(c, -1, 1); }
static float part(gl_chance *c) { return gl_chance_uniform(c, 0, 1); }

static gl_look choose_look(const gl_faces_look *which) {
  gl_chance c = {.seed = which->seed, .stream = STREAM + which->index, .counter = LOOK};
  gl_look l;
  l.shift_x = around(&c), l.shift_y = around(&c), l.scale = around(&c), l.tilt = around(&c);
  l.width = around(&c), l.jaw = around(&c);
  l.brow_arch = around(&c), l.brow_tilt = around(&c), l.brow_weight = around(&c), l.brow_height = around(&c);
  l.nose = around(&c), l.lips = around(&c), l.mouth = around(&c), l.blush = part(&c);
  l.parting = around(&c), l.fringe = part(&c), l.curl = part(&c), l.light = around(&c), l.square = part(&c);
  l.shirt = gl_chance_choose(&c, GL_LOOK_SHIRTS), l.collar = gl_chance_choose(&c, GL_LOOK_COLLARS);
  l.iris = gl_chance_choose(&c, GL_LOOK_IRISES), l.rims = gl_chance_choose(&c, GL_LOOK_RIMS);
  l.striped = gl_chance_choose(&c, 2) == 0, l.earrings = gl_chance_choose(&c, 4) == 0;
  return l;
}

/* ---- images ----------------------------------------------------------------------------------------------------- */

static void draw_face(const float *factor, const gl_look *look, int side, uint8_t *image) {
  gl_sketch sketch;
  gl_portrait(factor, look, &sketch);
  gl_sketch_paint(&sketch, side, image);
}

static bool check_side(const char *what, int side) {
  if (side < GL_FACES_SIDE_MIN || side > GL_FACES_SIDE_MAX)
    return gl_fail("%s: the side is %d to %d pixels, not %d", what, GL_FACES_SIDE_MIN, GL_FACES_SIDE_MAX, side);
  return true;
}

/* The least and the greatest value of an attribute. */
static float lowest(int factor) { return factor == GL_FACES_SMILE || factor == GL_FACES_TURN ? -1 : 0; }

bool gl_face(const float *factors, const gl_faces_look *look, int side, uint8_t *image) {
  if (!check_side("face", side))
    return false;
  for (int i = 0; i < GL_FACES_FACTORS; i++)
    if (!(factors[i] >= lowest(i) && factors[i] <= 1))
      return gl_fail("face: %s is %g to 1, not %g", gl_faces_factor_names[i], (double)lowest(i), (double)factors[i]);
  gl_look chosen = look ? choose_look(look) : plain;
  draw_face(factors, &chosen, side, image);
  return true;
}

typedef struct job {
  uint64_t seed, first;
  int side;
  bool correlated;
  uint8_t *images, *labels;
  float *factors;
} job;

static void draw_range(int64_t from, int64_t to, void *context) {
  const job *j = context;
  for (int64_t i = from; i < to; i++) {
    gl_faces_look which = {j->seed, j->first + (uint64_t)i};
    float factor[GL_FACES_FACTORS];
    choose_factors(which.seed, which.index, j->correlated, factor);
    if (j->images) {
      gl_look look = choose_look(&which);
      draw_face(factor, &look, j->side, j->images + i * j->side * j->side * 3);
    }
    if (j->labels)
      j->labels[i] = class_of(factor);
    if (j->factors)
      memcpy(j->factors + i * GL_FACES_FACTORS, factor, sizeof factor);
  }
}

bool gl_faces(uint64_t seed, uint64_t first, int64_t count, int side, bool correlated, uint8_t *images, uint8_t *labels,
              float *factors) {
  if (count < 0)
    return gl_fail("faces: the count is %lld, and cannot be negative", (long long)count);
  if (!check_side("faces", side))
    return false;
  job j = {seed, first, side, correlated, images, labels, factors};
  gl_parallel(count, side * side * 8, draw_range, &j);
  return true;
}
