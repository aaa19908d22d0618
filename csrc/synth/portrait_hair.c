/* portrait_hair.c -- a portrait's hair, beard and eyebrows. */
#include <math.h>

#include "synth/portrait_parts.h"
#include "synth/synth.h"

/* ---- hair ------------------------------------------------------------------------------------------------------- */

static const float CURLY = 0.55f; /* looks with more curl than this have curls */

/* Where the hair is: a dome over the head and, below its middle, a hanging part down to `end`. */
typedef struct hair {
  float length, volume, end, x;
  gl_part dome, hanging;
} hair;

static hair comb(const gl_sitter *s) {
  float length = s->factor[GL_FACES_HAIR_LENGTH], curl = s->look->curl > CURLY ? 0.03f : 0;
  hair h = {.length = length, .volume = gl_lerp(0.015f, 0.10f, gl_ramp(0, 0.45f, length)) + curl * length};
  h.end = gl_lerp(-0.10f, 1.04f, length);
  h.x = -0.035f * s->turn;
  float side = s->half_width + 0.01f + h.volume, top = -0.10f;
  h.dome = gl_egg(h.x, -0.06f, side, 0.475f + h.volume, 0.62f);
  float half = (h.end - top) / 2, wide = side + 0.05f * gl_ramp(0.4f, 1, length);
  half = half > 0.1f ? half : 0.1f;
  h.hanging = gl_box(1.4f * h.x, top + half, wide, half, half < 0.2f ? half : 0.2f);
  return h;
}

static gl_fill tint(const gl_sitter *s, float shade) {
  gl_colour light = gl_mix(s->hair, s->hair_shade, shade), dark = gl_mix(s->hair, s->hair_shade, 0.55f + shade);
  return gl_gradient(light, dark, -0.1f, -0.35f, 0.1f, 0.95f);
}

/* Round curls along the outline: over the dome from one side to the other, and down along both sides. */
static void add_curls(const gl_sitter *s, const hair *h, gl_fill fill) {
  float radius = gl_lerp(0.075f, 0.13f, gl_ramp(CURLY, 1, s->look->curl)) * gl_ramp(0.10f, 0.3f, h->length);
  float inward = 0.35f * radius, lowest = h->end - h->hanging.c;
  if (s->look->curl < CURLY || h->length < 0.15f)
    return;
  for (int i = 0; i <= 9; i++) {
    float angle = 3.14159265f * (1 + (float)i / 9), r = radius * (i % 2 ? 1 : 0.85f);
    gl_part curl = gl_ellipse(h->dome.x + (h->dome.a - inward) * cosf(angle),
                              h->dome.y + (h->dome.b - inward) * sinf(angle), r, r);
    gl_sketch_add(s->sketch, fill, 1, &curl);
  }
  for (int i = 0; 0.08f + 0.17f * (float)i < lowest; i++)
    for (int side = -1; side <= 1; side += 2) {
      float r = radius * (i % 2 ? 1 : 0.85f);
      gl_part curl = gl_ellipse(h->hanging.x + (float)side * (h->hanging.a - inward), 0.08f + 0.17f * (float)i, r, r);
      gl_sketch_add(s->sketch, fill, 1, &curl);
    }
}

void gl_portrait_back_hair(const gl_sitter *s) {
  hair h = comb(s);
  gl_fill fill = tint(s, 0.45f);
  h.dome.x += 2 * h.x;
  h.dome.c = gl_lerp(0.30f, 0.62f, gl_ramp(0, 0.4f, h.length)); /* down to the nape */
  gl_sketch_add(s->sketch, fill, 1, &h.dome);
  if (h.length > 0.15f)
    gl_sketch_add(s->sketch, fill, 1, &h.hanging);
}

/* What hair may cover: all but an opening for the face. */
static gl_part all_but_face(const gl_sitter *s) {
  float forehead = gl_lerp(0.34f, 0.37f, s->look->fringe); /* from the eyes to the hairline */
  float side = s->half_width - gl_lerp(0.02f, 0.055f, s->factor[GL_FACES_HAIR_LENGTH]) - 0.04f * fabsf(s->turn);
  gl_part face = gl_egg(gl_sitter_across(s, 0) * 0.50f, 0.02f, side, forehead, 0.80f);
  face.outside = true;
  face.angle = 0.10f * s->look->parting;
  return face;
}

void gl_portrait_hair_shadow(const gl_sitter *s) {
  gl_part shadow = all_but_face(s);
  shadow.y += 0.035f;
  shadow.soft = 0.07f;
  gl_sketch_add(s->sketch, gl_glaze(s->skin_shade, 0.8f), 3,
                (gl_part[]){gl_sitter_outline(s), shadow, gl_above(0, 0, 0, 0)});
}

/* Darker lines down long hair, away from the middle. */
static void add_strands(const gl_sitter *s, const hair *h) {
  for (int i = 0; i < 4 && h->length > 0.45f; i++) {
    float side = i % 2 ? 1.0f : -1.0f, from = h->hanging.a - 0.07f - 0.07f * (float)(i / 2);
    gl_part strand = gl_line(h->hanging.x + side * from, 0.02f, h->hanging.x + side * (from + 0.03f), h->end - 0.05f,
                             0.006f, 0.018f);
    strand.soft = 0.03f;
    gl_sketch_add(s->sketch, gl_glaze(s->hair_shade, 0.5f), 2, (gl_part[]){strand, h->hanging});
  }
}

/* The hair that frames the face and, below the chin, leaves neck and chest free. */
void gl_portrait_front_hair(const gl_sitter *s) {
  hair h = comb(s);
  gl_fill fill = tint(s, 0);
  float length = h.length, fringe = s->look->fringe * gl_ramp(0.08f, 0.3f, length);
  gl_part face = all_but_face(s);
  float sides = gl_ramp(0, 0.35f, length); /* over the ears */
  gl_part cut = gl_above(gl_sitter_across(s, 0), gl_lerp(-0.02f, 0.12f, sides), 0, gl_lerp(-0.7f, 0, sides));
  add_curls(s, &h, fill);
  gl_sketch_add(s->sketch, fill, 3, (gl_part[]){h.dome, face, cut});
  if (length > 0.15f) {
    gl_part chest = gl_box(0, 0.85f, gl_lerp(0.30f, 0.24f, length), 0.6f, 0.2f);
    chest.outside = true;
    gl_sketch_add(s->sketch, fill, 3, (gl_part[]){h.hanging, face, chest});
  }
  if (fringe > 0.05f) {
    float x = gl_sitter_across(s, 0.35f * s->look->parting * s->half_width), y = gl_lerp(-0.36f, -0.19f, fringe);
    gl_part above = gl_above(x, y, 0.22f * s->look->parting, 0.35f);
    gl_sketch_add(s->sketch, fill, 3, (gl_part[]){h.dome, above, cut});
  }
  if (s->look->curl < CURLY)
    add_strands(s, &h);
  /* a shine across the dome */
  gl_part arc = gl_egg(h.x + 0.1f * s->turn, 0.02f, h.dome.a * 0.80f, h.dome.b * 0.92f, 0.5f);
  arc.ring = 0.05f;
  arc.soft = 0.07f;
  gl_sketch_add(s->sketch, gl_glaze(s->hair_shine, s->look->curl < CURLY ? 0.55f : 0.25f), 4,
                (gl_part[]){h.dome, arc, face, gl_above(0.1f * s->turn, -0.30f, 0.5f, 1.2f)});
}

/* ---- beard and eyebrows ----------------------------------------------------------------------------------------- */

void gl_portrait_beard(const gl_sitter *s) {
  float amount = s->factor[GL_FACES_BEARD], middle = gl_sitter_across(s, 0) * 0.9f;
  if (amount <= 0)
    return;
  float opacity = gl_ramp(-0.15f, 0.55f, amount);
  gl_part jaw = gl_sitter_outline(s);
  jaw.c += 0.17f * amount * amount;
  jaw.a += 0.012f * amount;
  jaw.taper *= 1 - 0.2f * amount;
  gl_part edge = gl_below(middle, gl_lerp(0.27f, 0.215f, amount), 0, gl_lerp(-0.6f, -1.1f, amount));
  edge.soft = gl_lerp(0.10f, 0.02f, amount);
  gl_fill fill =
      gl_gradient(gl_mix(s->hair, s->hair_shade, 0.35f), gl_mix(s->hair, s->hair_shade, 0.95f), 0, 0.2f, 0, 0.7f);
  fill.opacity = 0.95f * opacity;
  gl_sketch_add(s->sketch, fill, 2, (gl_part[]){jaw, edge});
}

/* Their inner ends go up when the mouth goes down. */
void gl_portrait_brows(const gl_sitter *s) {
  const gl_look *l = s->look;
  gl_colour dark = gl_mix(s->hair, gl_rgb(0x2A1710), 0.45f);
  float y = -0.182f - 0.02f * l->brow_height - 0.035f * s->factor[GL_FACES_EYE_SIZE];
  float r = 0.026f + 0.008f * l->brow_weight, arch = 0.035f + 0.02f * l->brow_arch;
  float smile = s->factor[GL_FACES_SMILE], tilt = 0.014f * l->brow_tilt - 0.010f - (smile < 0 ? -0.05f * smile : 0);
  for (int side = -1; side <= 1; side += 2) {
    float inner = gl_sitter_across(s, (float)side * 0.10f), peak = gl_sitter_across(s, (float)side * 0.23f);
    float outer = gl_sitter_across(s, (float)side * 0.32f);
    gl_part first = gl_line(inner, y + tilt, peak, y - arch, r, r * 0.9f);
    gl_part second = gl_line(peak, y - arch, outer, y + 0.01f - tilt, r * 0.9f, r * 0.5f);
    gl_sketch_add(s->sketch, gl_flat(dark), 1, &first);
    gl_sketch_add(s->sketch, gl_flat(dark), 1, &second);
  }
}
