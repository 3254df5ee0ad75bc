#include "pome/cache.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <ctime>
#include <filesystem>
#include <memory>

#include "base/text.h"
#include "checks.h"
#include "command.h"
#include "describe_json.h"
#include "progress.h"
#include "table.h"

namespace pome::cli {

namespace fs = std::filesystem;
using base::cat;

namespace {

struct Options {
  std::string action;
  std::vector<std::string> models;
  bool all = false;
  bool json = false;
};

std::string size_of(std::int64_t bytes) {
  return base::size_text(static_cast<std::uint64_t>(bytes));
}

// "2026-12-01 13:20", in the user's time.
std::string time_text(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  std::array<char, 32> text{};
  if (::localtime_r(&time, &parts) == nullptr) return "?";
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M", &parts)};
}

std::int64_t total(const std::vector<CacheEntry>& entries) {
  std::int64_t out = 0;
  for (const CacheEntry& entry : entries) out += entry.bytes;
  return out;
}

Json entry_json(const CacheEntry& entry) {
  Json out{{"key", entry.key},
           {"model", printable(entry.model)},
           {"source", printable(entry.source.native())},
           {"configuration", entry.configuration},
           {"bytes", entry.bytes},
           {"created", entry.created},
           {"last_used", entry.last_used}};
  if (!entry.damage.empty()) out["damage"] = entry.damage;
  return out;
}

Json cache_json(const Cache& cache, const std::vector<CacheEntry>& entries) {
  Json out{{"folder", cache.folder().native()},
           {"on", cache.is_on()},
           {"bytes", total(entries)},
           {"limit", cache.limit()},
           {"entries", Json::array()}};
  for (const CacheEntry& entry : entries) out["entries"].push_back(entry_json(entry));
  return out;
}

std::string summary(const Cache& cache, const std::vector<CacheEntry>& entries) {
  return cat(printable(cache.folder().native()), ": ", entries.size(),
             entries.size() == 1 ? " entry, " : " entries, ", size_of(total(entries)),
             " of at most ", size_of(cache.limit()),
             cache.is_on() ? "" : "; switched off (POME_CACHE)", "\n");
}

ExitCode list(const Context& context, const Options& options) {
  const Cache cache;
  const auto entries = cache.entries();
  if (options.json) {
    context.print(json_text(cache_json(cache, entries)));
    return ExitCode::ok;
  }
  std::string out = summary(cache, entries);
  if (options.action == "list" && !entries.empty()) {
    Table table("llrll");
    table.add({Cell("Model", Color::bold), Cell("For", Color::bold), Cell("Size", Color::bold),
               Cell("Last used", Color::bold), Cell("From", Color::bold)});
    for (const CacheEntry& entry : entries) {
      const bool damaged = !entry.damage.empty();
      table.add({printable(damaged ? entry.key.substr(0, 12) : entry.model),
                 damaged ? Cell("damaged", Color::red) : Cell(entry.configuration),
                 size_of(entry.bytes), time_text(entry.last_used),
                 printable(entry.source.native())});
    }
    out += table.render(context.out);
  }
  context.print(out);
  return ExitCode::ok;
}

void need_models(const Options& options, std::string_view what) {
  if (options.models.empty())
    throw UsageError(cat("'pome cache ", options.action, "' needs ", what));
}

ExitCode prefetch_all(const Context& context, const Options& options) {
  need_models(options, "a MODEL");
  for (const std::string& model : options.models) {
    const bool there = is_cached(model);
    if (!there) {
      const Progress progress(cat("Preparing ", fs::path(model).filename().native()));
      prefetch(model);
    }
    context.print(cat(printable(model), there ? ": was cached already\n" : ": cached\n"));
  }
  return ExitCode::ok;
}

ExitCode purge(const Context& context, const Options& options) {
  if (!options.all) need_models(options, "a MODEL, or --all");
  const Cache cache;
  std::int64_t freed = options.all ? cache.purge() : 0;
  for (const std::string& model : options.models) freed += cache.purge(model);
  context.print(cat("Freed ", size_of(freed), "\n"));
  return ExitCode::ok;
}

ExitCode verify(const Context& context, const Options& options) {
  const Cache cache;
  const auto damaged = cache.verify();
  if (options.json) {
    context.print(json_text(cache_json(cache, damaged)));
  } else {
    std::string out;
    for (const CacheEntry& entry : damaged) out += cat("Removed: ", printable(entry.damage), "\n");
    context.print(out.empty() ? "Every entry is intact\n" : out);
  }
  return damaged.empty() ? ExitCode::ok : ExitCode::bad_input;
}

ExitCode run_cache(const Context& context, const Options& options) {
  if (options.action == "prefetch") return prefetch_all(context, options);
  if (options.action == "purge") return purge(context, options);
  if (options.action == "verify") return verify(context, options);
  return list(context, options);
}

Runner declare_cache(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("ACTION", options->action, "list, info, prefetch, purge or verify")
      ->required()
      ->check(one_of({"list", "info", "prefetch", "purge", "verify"}));
  app.add_option("MODEL", options->models, "Models to prefetch, or to purge");
  app.add_flag("--all", options->all, "Purge every model");
  app.add_flag("--json", options->json, "Print JSON");
  return [options](const Context& context) { return run_cache(context, *options); };
}

constexpr std::array examples{
    Example{"pome cache list", "What is cached, for what, and how large"},
    Example{"pome cache prefetch Model.mlpackage", "Make the next load of a model fast"},
    Example{"pome cache purge Model.mlpackage", "Forget a model"},
    Example{"pome cache purge --all", "Forget everything"},
};

}  // namespace

const Command cache_command{
    "cache", "See and manage what loads have left to make the next ones fast",
    "The first load of a model packs its weights for this machine and writes them to the cache; "
    "later loads map them. Entries go when their model changes or is deleted, and the ones not "
    "used for longest when the cache is full.\n"
    "POME_CACHE_DIR names the folder (default: $XDG_CACHE_HOME/pome, ~/.cache/pome), "
    "POME_CACHE_LIMIT the cap in bytes, POME_CACHE=off switches the cache off. verify reads every "
    "entry whole, removes the damaged ones and exits with 3 if there were any.",
    examples, declare_cache};

}  // namespace pome::cli
