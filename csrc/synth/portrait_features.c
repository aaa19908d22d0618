/* portrait_features.c -- a portrait's eyes, nose, mouth and glasses. */
#include <math.h>

#include "synth/portrait_parts.h"
#include "synth/synth.h"

static const float EYE_X = 0.20f; /* from the middle line */

/* ---- eyes ------------------------------------------------------------------------------------------------------- */

static void paint_eye(const gl_sitter *s, float side) {
  static const unsigned irises[GL_LOOK_IRISES] = {0x5B3A21, 0x3F7CB8, 0x4F8A5B, 0x8A6A2F, 0x66737D};
  gl_sketch *sketch = s->sketch;
  float size = s->factor[GL_FACES_EYE_SIZE], x = gl_sitter_across(s, side * EYE_X);
  float narrow = gl_sitter_narrow(s, side * EYE_X);
  float rx = gl_lerp(0.075f, 0.125f, size) * narrow, ry = gl_lerp(0.055f, 0.145f, size);
  float r = 0.80f * gl_lerp(0.062f, 0.125f, size), gaze = x + 0.030f * s->turn, wide = r * gl_lerp(1, narrow, 0.7f);
  gl_part white = gl_ellipse(x, 0, rx, ry), lid = white;
  gl_part iris = gl_ellipse(gaze, 0.005f, wide, r), pupil = gl_ellipse(gaze, 0.005f, wide * 0.55f, r * 0.55f);
  gl_part light = gl_ellipse(gaze - 0.32f * r, -0.36f * r, 0.27f * r, 0.27f * r);
  gl_colour colour = gl_rgb(irises[s->look->iris]);
  gl_sketch_add(sketch, gl_gradient(gl_rgb(0xDADFE8), gl_rgb(0xFFFFFF), 0, -ry, 0, 0), 1, &white);
  gl_fill fill = gl_gradient(gl_mix(colour, gl_rgb(0), 0.35f), gl_mix(colour, gl_rgb(0xFFFFFF), 0.15f), 0, -r, 0, r);
  gl_sketch_add(sketch, fill, 2, (gl_part[]){iris, white});
  gl_sketch_add(sketch, gl_flat(gl_rgb(0x17121A)), 2, (gl_part[]){pupil, white});
  gl_sketch_add(sketch, gl_flat(gl_rgb(0xFFFFFF)), 1, &light);
  lid.ring = 0.030f;
  gl_sketch_add(sketch, gl_flat(gl_rgb(0x2B1A1C)), 2, (gl_part[]){lid, gl_above(x, -0.25f * ry, 0, 0)});
}

void gl_portrait_eyes(const gl_sitter *s) {
  paint_eye(s, -1);
  paint_eye(s, 1);
}

/* ---- nose and mouth --------------------------------------------------------------------------------------------- */

void gl_portrait_nose(const gl_sitter *s) {
  float size = 0.052f + 0.010f * s->look->nose, root = 0.9f * gl_sitter_across(s, 0);
  float tip = gl_sitter_across(s, 0) + 0.045f * s->turn;
  gl_part shadow = gl_ellipse(tip, 0.185f, size * 1.15f, size * 0.85f);
  gl_part ridge = gl_line(root, 0.02f, tip, 0.165f, 0.016f, size * 0.8f);
  gl_colour light = gl_mix(s->skin, gl_rgb(0xFFFFFF), 0.16f);
  gl_sketch_add(s->sketch, gl_flat(gl_mix(s->skin_shade, gl_rgb(0x6B1D18), 0.18f)), 1, &shadow);
  ridge.soft = 0.03f;
  gl_sketch_add(s->sketch, gl_gradient(s->skin, light, 0, 0.02f, 0, 0.16f), 1, &ridge);
}

/* What is between two parabolas through the corners (x -+ w, y), `up` and `down` below them in the middle. */
static void paint_between(const gl_sitter *s, gl_fill fill, float x, float y, float w, float up, float down,
                          float grow) {
  gl_part box = gl_box(x, y, w, 0.3f, 0), upper = gl_below(x, y + up, 0, -up / (w * w));
  gl_part lower = gl_above(x, y + down, 0, -down / (w * w));
  lower.grow = grow;
  upper.grow = -grow;
  gl_sketch_add(s->sketch, fill, 3, (gl_part[]){box, upper, lower});
}

/* From a closed mouth that is one line to an open one with the upper teeth in it. */
void gl_portrait_mouth(const gl_sitter *s) {
  float smile = s->factor[GL_FACES_SMILE], open = gl_ramp(0.15f, 1.15f, smile);
  float x = 0.97f * gl_sitter_across(s, 0) + 0.01f * s->turn;
  float w = (0.175f + 0.03f * smile + 0.008f * s->look->mouth) * gl_lerp(1, gl_sitter_narrow(s, 0), 0.8f);
  float y = 0.345f - 0.075f * smile, up = 0.12f * smile - 0.055f * open, down = 0.12f * smile + 0.125f * open;
  float full = (0.022f + 0.003f * s->look->lips) * (1 - 0.6f * open);
  gl_colour red = gl_mix(s->skin_shade, gl_rgb(0xB8343F), 0.65f + 0.15f * s->look->lips);
  gl_colour lip = gl_mix(red, gl_rgb(0x5A1420), 0.2f);
  paint_between(s, gl_flat(lip), x, y, w + 0.02f, up - full, down + full, 0.012f);
  paint_between(s, gl_flat(gl_rgb(0x5A1220)), x, y, w, up, down, 0.007f);
  if (open > 0.02f)
    paint_between(s, gl_flat(gl_rgb(0xFFFFFF)), x, y, w * 0.93f, up, up + 0.55f * (down - up), 0.002f);
}

/* ---- glasses ---------------------------------------------------------------------------------------------------- */

void gl_portrait_glasses(const gl_sitter *s) {
  static const unsigned rims[GL_LOOK_RIMS] = {0x22222A, 0x5A2E1A, 0x7C1F2E, 0x23375F, 0x15463F};
  float amount = s->factor[GL_FACES_GLASSES], square = s->look->square;
  if (amount <= 0)
    return;
  gl_fill rim = gl_glaze(gl_rgb(rims[s->look->rims]), amount);
  gl_fill lens = gl_glaze(gl_rgb(0xE8F4FF), 0.20f * amount), glint = gl_glaze(gl_rgb(0xFFFFFF), 0.50f * amount);
  float y = 0.012f, edge[2];
  for (int i = 0; i < 2; i++) {
    float side = i ? 1.0f : -1.0f, at = side * (EYE_X + 0.005f), x = gl_sitter_across(s, at) + 0.01f * s->turn;
    float wide = gl_lerp(0.168f, 0.178f, square) * gl_sitter_narrow(s, at), high = gl_lerp(0.168f, 0.140f, square);
    float corner = gl_lerp(wide < high ? wide : high, 0.05f, square);
    gl_part glass = gl_box(x, y, wide, high, corner), frame = glass, streak;
    frame.ring = 0.045f;
    streak = gl_line(x - 0.11f, y + 0.10f, x + 0.04f, y - 0.14f, 0.022f, 0.022f);
    gl_sketch_add(s->sketch, lens, 1, &glass);
    gl_sketch_add(s->sketch, glint, 2, (gl_part[]){streak, glass});
    gl_part temple =
        gl_line(x + side * wide, y - 0.03f, side * (s->half_width + 0.01f) - 0.02f * s->turn, y - 0.01f, 0.02f, 0.02f);
    if (side * x + wide < s->half_width)
      gl_sketch_add(s->sketch, rim, 1, &temple);
    gl_sketch_add(s->sketch, rim, 1, &frame);
    edge[i] = x - side * wide;
  }
  gl_part bridge = gl_line(edge[0], y - 0.03f, edge[1], y - 0.03f, 0.022f, 0.022f);
  gl_sketch_add(s->sketch, rim, 1, &bridge);
}
