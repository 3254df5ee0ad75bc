#include "devices/cpu/families/weights.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/half.h"
#include "base/text.h"
#include "devices/cpu/families/site.h"
#include "ops/call.h"

namespace pome::devices::cpu {
namespace {

using base::cat;
using exec::Pack;
using exec::Weight;

/// Calls put(group, output, depth index, element index of the source) panel by panel.
template <typename Put>
void each_panel_element(const MatrixShape& s, std::int64_t lanes, std::int64_t group,
                        std::int64_t panel, Put&& put) {
  const std::int64_t first = panel * lanes;
  const std::int64_t n = std::min(lanes, s.outputs - first);
  for (std::int64_t lane = 0; lane < n; ++lane) {
    for (std::int64_t d = 0; d < s.depth; ++d) {
      const std::int64_t source =
          s.transposed ? d * s.outputs + first + lane
                       : (group * s.outputs + first + lane) * s.depth + s.source_depth(d);
      put(lane, d, source);
    }
  }
}

/// Values of type T, read by `read(first, span)` in the order of the source.
template <typename T, typename Read>
void fill_rows(Pack& out, const MatrixShape& s, std::int64_t lanes, Read&& read) {
  const std::int64_t panels = ceil_div(s.outputs, lanes);
  T* to = out.as<T>();
  std::vector<T> rows(static_cast<std::size_t>(lanes * s.depth));
  for (std::int64_t g = 0; g < s.groups; ++g) {
    for (std::int64_t p = 0; p < panels; ++p, to += lanes * s.depth) {
      const std::int64_t n = std::min(lanes, s.outputs - p * lanes);
      read((g * s.outputs + p * lanes) * s.depth,
           std::span<T>(rows).first(static_cast<std::size_t>(n * s.depth)));
      for (std::int64_t d = 0; d < s.depth; ++d) {
        const std::int64_t source = s.source_depth(d);
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          to[d * lanes + lane] =
              lane < n ? rows[static_cast<std::size_t>(lane * s.depth + source)] : T{};
        }
      }
    }
  }
}

template <typename T, typename Read>
void fill_columns(Pack& out, const MatrixShape& s, std::int64_t lanes, Read&& read) {
  const std::int64_t panels = ceil_div(s.outputs, lanes);
  std::vector<T> row(static_cast<std::size_t>(panels * lanes));
  for (std::int64_t d = 0; d < s.depth; ++d) {
    read(d * s.outputs, std::span<T>(row).first(static_cast<std::size_t>(s.outputs)));
    for (std::int64_t p = 0; p < panels; ++p) {
      std::copy_n(row.data() + p * lanes, lanes, out.as<T>() + (p * s.depth + d) * lanes);
    }
  }
}

template <typename T, typename Read>
void fill(Pack& out, const MatrixShape& s, std::int64_t lanes, Read&& read) {
  if (s.transposed) {
    fill_columns<T>(out, s, lanes, read);
  } else {
    fill_rows<T>(out, s, lanes, read);
  }
}

std::string form_name(std::string_view type, const MatrixShape& s, std::int64_t lanes) {
  return cat("panels_", type, "_w", lanes, "_", s.groups, "x", s.outputs, "x", s.depth,
             s.transposed ? "_t" : "", s.taps > 1 ? cat("_taps", s.taps) : std::string());
}

std::shared_ptr<const Pack> pack_f16(exec::WeightStore& store, const Weight& weight,
                                     const MatrixShape& s, std::int64_t lanes, std::size_t count) {
  return store.pack(weight, form_name("f16", s, lanes), 2 * count, [&](Pack& out) {
    if (weight.encoding() == Weight::Encoding::dense) {
      fill<std::uint16_t>(out, s, lanes, [&](std::int64_t first, std::span<std::uint16_t> to) {
        weight.read_raw(first, std::as_writable_bytes(to));
      });
      return;
    }
    std::vector<float> values;
    fill<std::uint16_t>(out, s, lanes, [&](std::int64_t first, std::span<std::uint16_t> to) {
      values.resize(to.size());
      weight.read(first, values);
      std::ranges::transform(values, to.begin(), base::f16_from_f32);
    });
  });
}

std::shared_ptr<const Pack> pack_f32(exec::WeightStore& store, const Weight& weight,
                                     const MatrixShape& s, std::int64_t lanes, std::size_t count) {
  return store.pack(weight, form_name("f32", s, lanes), 4 * count, [&](Pack& out) {
    fill<float>(out, s, lanes, [&](std::int64_t first, std::span<float> to) {
      if (weight.encoding() == Weight::Encoding::dense && weight.dtype() == DataType::fp32) {
        weight.read_raw(first, std::as_writable_bytes(to));
      } else {
        weight.read(first, to);
      }
    });
  });
}

/// Bits of an index when the table can be used as it is, else 0.
int lut_bits(const Weight& weight) noexcept {
  if (weight.encoding() != Weight::Encoding::lut) return 0;
  const auto* table = weight.part("lut");
  if (!table || !weight.part("indices") || !is_float(table->dtype())) return 0;
  const auto size = static_cast<std::uint64_t>(table->size());
  if (!std::has_single_bit(size) || size < 2 || size > 256) return 0;
  const int bits = std::countr_zero(size);
  return bits == 5 || bits == 7 ? 0 : bits;
}

void pack_lut(exec::WeightStore& store, const Weight& weight, const MatrixShape& s,
              std::int64_t lanes, PackedPanels& packed) {
  auto& view = packed.view;
  const int bits = view.bits;
  view.form = PanelView::Form::lut;
  view.panel_bytes = s.depth * lanes * bits / 8;
  const auto bytes = static_cast<std::size_t>(s.groups * view.panels * view.panel_bytes);
  packed.data = store.pack(weight, form_name("lut", s, lanes), bytes, [&](Pack& out) {
    const auto indices = weight.part("indices")->tensor();
    const auto* from = indices.view().as<std::uint8_t>().data();
    auto* to = out.as<std::uint8_t>();
    std::memset(to, 0, bytes);
    for (std::int64_t g = 0; g < s.groups; ++g) {
      for (std::int64_t p = 0; p < view.panels; ++p, to += view.panel_bytes) {
        each_panel_element(s, lanes, g, p, [&](std::int64_t lane, std::int64_t d, std::int64_t i) {
          for (int b = 0; b < bits; ++b) {
            const auto at = i * bits + b;
            const auto put = (d * lanes + lane) * bits + b;
            const auto bit = static_cast<unsigned>(from[at / 8] >> (at % 8)) & 1U;
            to[put / 8] = static_cast<std::uint8_t>(to[put / 8] | (bit << (put % 8)));
          }
        });
      }
    }
  });
  const auto& table = *weight.part("lut");
  const auto size = static_cast<std::size_t>(table.size());
  packed.table =
      store.pack(table, "lut_table", 4 * std::max<std::size_t>(size, 16), [&](Pack& out) {
        std::fill_n(out.as<float>(), std::max<std::size_t>(size, 16), 0.0F);
        table.read(0, {out.as<float>(), size});
      });
}

/// True for int8 or uint8 with one scale an output, or one for all.
bool is_affine_by_output(const Weight& weight, const MatrixShape& s) {
  if (weight.encoding() != Weight::Encoding::affine || s.transposed) return false;
  const auto* data = weight.part("quantized_data");
  const auto* scale = weight.part("scale");
  const auto* zero = weight.part("zero_point");
  if (!data || !scale || !zero || data->dims().empty()) return false;
  if (data->encoding() != Weight::Encoding::dense) return false;
  if (data->dtype() != DataType::int8 && data->dtype() != DataType::uint8) return false;
  if (scale->size() == 1 && zero->size() == 1) return true;
  const auto* axis = weight.part("axis");
  const auto along = axis ? ops::load_i(axis->tensor().view(), 0) : 0;
  return along == 0 || along == -static_cast<std::int64_t>(data->dims().size());
}

void pack_int8(exec::WeightStore& store, const Weight& weight, const MatrixShape& s,
               std::int64_t lanes, PackedPanels& packed) {
  auto& view = packed.view;
  view.form = PanelView::Form::int8;
  view.panel_bytes = s.depth * lanes;
  const auto padded = s.groups * view.panels * lanes;
  view.zero_offset = padded;
  const auto& data = *weight.part("quantized_data");
  // Unsigned values and their zero points are moved into the range of int8.
  const bool is_unsigned = data.dtype() == DataType::uint8;
  packed.data = store.pack(
      weight, form_name("int8", s, lanes), static_cast<std::size_t>(padded * s.depth),
      [&](Pack& out) {
        fill<std::uint8_t>(out, s, lanes, [&](std::int64_t first, std::span<std::uint8_t> to) {
          data.read_raw(first, std::as_writable_bytes(to));
          if (is_unsigned) {
            for (auto& v : to) v = static_cast<std::uint8_t>(v ^ 0x80U);
          }
        });
      });
  packed.table = store.pack(
      weight, form_name("int8_scales", s, lanes), static_cast<std::size_t>(8 * padded),
      [&](Pack& out) {
        const auto scale = weight.part("scale")->tensor();
        const auto zero = weight.part("zero_point")->tensor();
        float* to = out.as<float>();
        std::fill_n(to, 2 * padded, 0.0F);
        for (std::int64_t g = 0; g < s.groups; ++g) {
          for (std::int64_t o = 0; o < s.outputs; ++o) {
            const auto channel = g * s.outputs + o;
            const auto at = (g * view.panels + o / lanes) * lanes + o % lanes;
            to[at] = static_cast<float>(ops::load_f(scale.view(), scale.size() == 1 ? 0 : channel));
            const double z = ops::load_f(zero.view(), zero.size() == 1 ? 0 : channel);
            to[padded + at] = static_cast<float>(is_unsigned ? z - 128 : z);
          }
        }
      });
}

}  // namespace

bool is_f16_valued(const Weight& weight) noexcept {
  if (weight.encoding() == Weight::Encoding::dense) return weight.dtype() == DataType::fp16;
  if (weight.dtype() != DataType::fp16) return false;
  if (const auto* table = weight.part("lut")) return is_f16_valued(*table);
  if (const auto* values = weight.part("nonzero_data")) return is_f16_valued(*values);
  return false;
}

PackedPanels pack_panels(exec::WeightStore& store, const Kernels& k, const Weight& weight,
                         const MatrixShape& s) {
  PackedPanels packed;
  const std::int64_t lanes = k.lanes;
  auto& view = packed.view;
  view.outputs = s.outputs;
  view.depth = s.depth;
  view.panels = ceil_div(s.outputs, lanes);
  const auto count = static_cast<std::size_t>(s.groups * view.panels * lanes * s.depth);
  if (const int bits = lut_bits(weight); bits != 0) {
    view.bits = static_cast<std::uint8_t>(bits);
    pack_lut(store, weight, s, lanes, packed);
  } else if (is_affine_by_output(weight, s)) {
    pack_int8(store, weight, s, lanes, packed);
  } else if (is_f16_valued(weight)) {
    view.form = PanelView::Form::f16;
    view.panel_bytes = 2 * lanes * s.depth;
    packed.data = pack_f16(store, weight, s, lanes, count);
  } else {
    view.panel_bytes = 4 * lanes * s.depth;
    packed.data = pack_f32(store, weight, s, lanes, count);
  }
  view.data = packed.data->bytes().data();
  if (packed.table) view.table = packed.table->as<float>();
  return packed;
}

std::shared_ptr<const Pack> pack_vector(exec::WeightStore& store, const Kernels& k,
                                        const Weight* weight, std::int64_t size,
                                        std::int64_t groups) {
  const std::int64_t row = round_up(std::max<std::int64_t>(size, 1), k.lanes);
  const auto bytes = static_cast<std::size_t>(4 * groups * row);
  const auto fill_vectors = [&](Pack& out) {
    float* to = out.as<float>();
    std::fill_n(to, groups * row, 0.0F);
    if (!weight) return;
    std::vector<float> values(static_cast<std::size_t>(weight->size()));
    weight->read(0, values);
    const bool one = values.size() == 1;
    for (std::int64_t i = 0; i < groups * size; ++i) {
      // Never -0, so that adding products that are 0 changes nothing.
      to[i / size * row + i % size] = values[one ? 0 : static_cast<std::size_t>(i)] + 0.0F;
    }
  };
  if (weight) {
    return store.pack(*weight, cat("vector_f32_w", k.lanes, "_", groups, "x", size), bytes,
                      fill_vectors);
  }
  auto zeros = std::make_shared<Pack>(bytes);
  fill_vectors(*zeros);
  return zeros;
}

void expand_panel(const Kernels& k, const PanelView& view, std::int64_t group, std::int64_t panel,
                  std::int64_t first, std::int64_t depth, float* out) noexcept {
  const std::int64_t lanes = k.lanes;
  const std::byte* data = view.panel(group, panel);
  switch (view.form) {
    case PanelView::Form::f32:
      std::memcpy(out, data + first * lanes * 4, static_cast<std::size_t>(depth * lanes * 4));
      return;
    case PanelView::Form::f16:
      k.expand_f16(reinterpret_cast<const std::uint16_t*>(data) + first * lanes, out,
                   depth * lanes);
      return;
    case PanelView::Form::lut:
      k.expand_lut({reinterpret_cast<const std::uint8_t*>(data) + first * lanes * view.bits / 8,
                    view.table, depth, view.bits},
                   out);
      return;
    case PanelView::Form::int8: {
      const float* scale = view.table + (group * view.panels + panel) * lanes;
      k.expand_i8(reinterpret_cast<const std::int8_t*>(data) + first * lanes, scale,
                  scale + view.zero_offset, out, depth);
      return;
    }
  }
}

}  // namespace pome::devices::cpu
