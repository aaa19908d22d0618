/* portrait.c -- a face from its attributes and its look: background, body, head, and everything in its order. */
#include "synth/portrait.h"

#include <math.h>

#include "synth/portrait_parts.h"
#include "synth/synth.h"

static const float MOST_TURN = 0.44f; /* radians, of a head with turn = 1 */

/* ---- colours ---------------------------------------------------------------------------------------------------- */

/* The colour at t in 0..1 along a row of n colours. */
static gl_colour along(const unsigned *hex, int n, float t) {
  float place = t * (float)(n - 1);
  int i = (int)place;
  i = i < 0 ? 0 : i > n - 2 ? n - 2 : i;
  return gl_mix(gl_rgb(hex[i]), gl_rgb(hex[i + 1]), place - (float)i);
}

static const unsigned skins[] = {0xFFE1CB, 0xF6C9A4, 0xDDA274, 0xB4764B, 0x7A4A30};
static const unsigned hairs[] = {0x1F1B26, 0x6A4024, 0xC2552C, 0xEBC163, 0xECEDF2};
static const unsigned backgrounds[] = {0xF28A80, 0xF5C469, 0x9CCB80, 0x62BFC0, 0x7AA2E8, 0xB796E4};
static const unsigned shirts[GL_LOOK_SHIRTS] = {0x2F4B7C, 0xE2574C, 0xF4F1EA, 0x3C8D7D, 0xF2B441,
                                                0x6C5B9E, 0x34383F, 0xE891A5, 0x5FA8D8, 0x8A9A5B};

/* ---- the turned head -------------------------------------------------------------------------------------------- */

float gl_sitter_across(const gl_sitter *s, float x) {
  float depth2 = s->half_width * s->half_width - x * x;
  float depth = 0.9f * sqrtf(depth2 > 0 ? depth2 : 0);
  return x * cosf(MOST_TURN * s->turn) + depth * sinf(MOST_TURN * s->turn);
}

float gl_sitter_narrow(const gl_sitter *s, float x) {
  float angle = asinf(x / s->half_width), ahead = cosf(angle), turned = cosf(angle + MOST_TURN * s->turn);
  return turned < ahead ? turned / ahead : 1;
}

gl_part gl_sitter_outline(const gl_sitter *s) {
  gl_part p = gl_egg(0, 0, s->half_width, 0.52f, 0.56f);
  p.taper = 0.30f - 0.10f * s->look->jaw;
  p.lean = 0.10f * s->turn;
  return p;
}

/* ---- background and body ---------------------------------------------------------------------------------------- */

static void paint_background(const gl_sitter *s) {
  gl_colour hue = along(backgrounds, 6, s->factor[GL_FACES_BACKGROUND]), white = {1, 1, 1}, dark = {0.1f, 0.1f, 0.3f};
  gl_colour top = gl_mix(hue, white, 0.12f), bottom = gl_mix(hue, dark, 0.14f);
  gl_part whole = gl_box(0, 0, 1.1f, 1.1f, 0), disc = gl_ellipse(0, -0.05f, 0.88f, 0.88f);
  disc.soft = 0.5f;
  gl_sketch_add(s->sketch, gl_gradient(top, bottom, 0, -1, 0, 1), 1, &whole);
  gl_sketch_add(s->sketch, gl_glaze(white, 0.22f), 1, &disc);
}

static void paint_neck(const gl_sitter *s) {
  gl_part neck = gl_box(0, 0.55f, 0.20f, 0.35f, 0.12f), shadow = gl_ellipse(0.03f * s->turn, 0.36f, 0.36f, 0.22f);
  shadow.soft = 0.10f;
  gl_sketch_add(s->sketch, gl_flat(gl_mix(s->skin, s->skin_shade, 0.45f)), 1, &neck);
  gl_sketch_add(s->sketch, gl_glaze(s->skin_shade, 0.9f), 2, (gl_part[]){neck, shadow});
}

/* A V-neck, a crew neck with a band, a collar, a jacket. */
static void paint_clothes(const gl_sitter *s) {
  gl_sketch *sketch = s->sketch;
  gl_colour cloth = gl_rgb(shirts[s->look->shirt]), dark = {0.08f, 0.07f, 0.15f}, white = {1, 1, 1};
  gl_colour shade = gl_mix(cloth, dark, 0.28f), trim = gl_mix(cloth, white, 0.45f);
  gl_part shoulders = gl_egg(0, 1.25f, 0.86f, 0.63f, 0.5f), opening = gl_ellipse(0, 0.63f, 0.25f, 0.16f);
  gl_fill fill = gl_gradient(cloth, shade, -0.2f, 0.6f, 0.4f, 1.1f);
  int collar = s->look->collar;
  if (collar == 0)
    opening = gl_egg(0, 0.62f, 0.23f, 0.14f, 0.26f), opening.taper = 0.75f;
  opening.outside = true;
  gl_sketch_add(sketch, fill, 2, (gl_part[]){shoulders, opening});
  if (collar == 1) {
    for (int i = 0; i < 3 && s->look->striped; i++) {
      gl_part stripe = gl_box(0, 0.80f + 0.12f * (float)i, 1, 0.025f, 0);
      gl_sketch_add(sketch, gl_flat(trim), 2, (gl_part[]){stripe, shoulders});
    }
    gl_part band = gl_ellipse(0, 0.63f, 0.25f, 0.16f);
    band.ring = 0.06f;
    gl_sketch_add(sketch, gl_flat(shade), 2, (gl_part[]){band, gl_below(0, 0.64f, 0, 0)});
  } else if (collar == 2) {
    for (int side = -1; side <= 1; side += 2) {
      gl_part wing = gl_line((float)side * 0.25f, 0.64f, (float)side * 0.10f, 0.85f, 0.075f, 0.03f);
      gl_sketch_add(sketch, gl_flat(trim), 1, &wing);
    }
  } else if (collar == 3) {
    for (int side = -1; side <= 1; side += 2) {
      gl_part lapel = gl_line((float)side * 0.30f, 0.68f, (float)side * 0.12f, 1.05f, 0.09f, 0.12f);
      gl_sketch_add(sketch, gl_flat(shade), 2, (gl_part[]){lapel, shoulders});
    }
  }
}

/* ---- head ------------------------------------------------------------------------------------------------------- */

/* The ear that comes to the front when the head turns away from it shows more, the other one hides behind the head. */
static void paint_ears(const gl_sitter *s) {
  for (int side = -1; side <= 1; side += 2) {
    float away = -(float)side * s->turn, x = (float)side * (s->half_width + 0.005f + 0.05f * away) - 0.01f * s->turn;
    gl_part ear = gl_ellipse(x, 0.06f, 0.085f + 0.02f * away, 0.115f);
    gl_part inner = gl_ellipse(x + (float)side * 0.012f, 0.06f, 0.045f, 0.07f);
    gl_sketch_add(s->sketch, gl_flat(gl_mix(s->skin, s->skin_shade, 0.3f)), 1, &ear);
    gl_sketch_add(s->sketch, gl_flat(s->skin_shade), 1, &inner);
    if (s->look->earrings) {
      gl_part ring = gl_ellipse(x, 0.205f, 0.034f, 0.034f);
      gl_sketch_add(s->sketch, gl_gradient(gl_rgb(0xFFE9A8), gl_rgb(0xD89A2B), x, 0.17f, x, 0.24f), 1, &ring);
    }
  }
}

static void paint_head(const gl_sitter *s) {
  gl_part head = gl_sitter_outline(s);
  float light = 0.4f * s->look->light - 0.35f, w = s->half_width;
  gl_sketch_add(s->sketch, gl_flat(s->skin), 1, &head);
  /* shading: all that is outside a soft disc towards the light */
  gl_part lit = gl_egg(0.22f * light + 0.10f * s->turn, -0.06f, w * 1.02f, 0.60f, 0.60f);
  lit.soft = 0.34f;
  lit.outside = true;
  gl_sketch_add(s->sketch, gl_glaze(s->skin_shade, 0.85f), 2, (gl_part[]){head, lit});
}

static void paint_blush(const gl_sitter *s) {
  gl_colour pink = gl_mix(gl_rgb(0xF2575C), s->skin_shade, 0.25f);
  float smile = s->factor[GL_FACES_SMILE];
  for (int side = -1; side <= 1; side += 2) {
    float x = (float)side * 0.26f;
    gl_part cheek = gl_ellipse(gl_sitter_across(s, x), 0.20f - 0.03f * smile, 0.10f * gl_sitter_narrow(s, x), 0.075f);
    cheek.soft = 0.12f;
    gl_sketch_add(s->sketch, gl_glaze(pink, 0.25f + 0.20f * s->look->blush + 0.08f * smile), 1, &cheek);
  }
}

/* ---- portrait --------------------------------------------------------------------------------------------------- */

static gl_sitter seat(const float *factor, const gl_look *look, gl_sketch *sketch) {
  gl_colour dark = {0.05f, 0.02f, 0.09f}, warm = {0.55f, 0.16f, 0.12f}, white = {1, 0.97f, 0.9f};
  gl_sitter s = {.factor = factor, .look = look, .sketch = sketch, .turn = factor[GL_FACES_TURN]};
  float scale = 1.07f + 0.05f * look->scale, tilt = 0.07f * look->tilt;
  s.head = (gl_frame){0.05f * look->shift_x, -0.09f + 0.04f * look->shift_y, scale, tilt};
  s.body = (gl_frame){0.03f * look->shift_x, 0.02f * look->shift_y, 1, 0};
  s.half_width = 0.455f + 0.025f * look->width;
  s.skin = along(skins, 5, factor[GL_FACES_SKIN]);
  s.skin_shade = gl_mix(s.skin, warm, 0.30f);
  s.hair = along(hairs, 5, factor[GL_FACES_HAIR_COLOUR]);
  s.hair_shade = gl_mix(s.hair, dark, 0.32f);
  s.hair_shine = gl_mix(s.hair, white, 0.30f);
  return s;
}

void gl_portrait(const float *factor, const gl_look *look, gl_sketch *sketch) {
  gl_sitter s = seat(factor, look, sketch);
  sketch->shapes = 0;
  sketch->frame = (gl_frame){0, 0, 1, 0};
  paint_background(&s);
  sketch->frame = s.head;
  gl_portrait_back_hair(&s);
  sketch->frame = s.body;
  paint_neck(&s);
  paint_clothes(&s);
  sketch->frame = s.head;
  paint_ears(&s);
  paint_head(&s);
  paint_blush(&s);
  gl_portrait_hair_shadow(&s);
  gl_portrait_beard(&s);
  gl_portrait_nose(&s);
  gl_portrait_mouth(&s);
  gl_portrait_eyes(&s);
  gl_portrait_brows(&s);
  gl_portrait_glasses(&s);
  gl_portrait_front_hair(&s);
}
