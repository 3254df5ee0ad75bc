#include "cache/session.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "base/text.h"
#include "cache/build_id.h"
#include "pome/error.h"

namespace pome::cache {

using base::cat;

namespace {

std::int64_t seconds_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::vector<base::FileIdentity> identities_of(const std::vector<format::PackageFile>& files) {
  std::vector<base::FileIdentity> out;
  for (const auto& [path, source] : files) {
    const auto identity = source->identity();
    if (!identity) throw Error(ErrorCode::io, cat(base::quoted(source->name()), " is no file"));
    out.push_back(*identity);
  }
  return out;
}

}  // namespace

Session::Session(const format::Asset& asset, Request request, const Settings& settings)
    : asset_(asset),
      request_(std::move(request)),
      folder_(settings.folder),
      limit_(settings.limit) {}

std::unique_ptr<Session> Session::begin(const format::Asset& asset, Request request,
                                        const Settings& settings) {
  if (!settings.on || asset.kind() == format::AssetKind::memory || build_id().empty())
    return nullptr;
  std::unique_ptr<Session> out(new Session(asset, std::move(request), settings));
  try {
    out->look();
  } catch (const std::exception& error) {
    out->note_ = error.what();
  }
  return out;
}

// The files are those that are read for this load: opened before it, and the same when it is over
// (see write). Digests of files that were not seen before are computed after the load, unless
// nothing can be remembered: a cache that cannot be written to was made for what is in it.
void Session::look() {
  sources_ = asset_.sources();
  identities_ = identities_of(sources_);
  const auto& spec = asset_.spec() ? asset_.spec() : asset_.mil();
  if (spec && std::ranges::find(identities_, spec->identity()) == identities_.end())
    throw Error(ErrorCode::io, "the model was replaced while it was opened");
  const bool fixed = folder_.is_fixed();
  std::vector<base::Digest> known;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    auto digest = folder_.remembered(identities_[i]);
    if (!digest && !fixed) return;
    known.push_back(digest ? *digest : base::sha256(*sources_[i].second));
  }
  entry_ = folder_.find(key(known), note_);
}

base::Digest Session::key(const std::vector<base::Digest>& digests) const {
  base::Sha256 out;
  const auto add = [&](std::string_view text) { out.update(text.size()).update(text); };
  add(build_id());
  add(request_.configuration);
  out.update(digests.size());
  for (std::size_t i = 0; i < digests.size(); ++i) {
    add(sources_[i].first.native());
    out.update(digests[i].bytes);
  }
  return out.finish();
}

std::vector<base::Digest> Session::digests() const {
  std::vector<base::Digest> out;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    auto digest = folder_.remembered(identities_[i]);
    if (!digest) {
      digest = base::sha256(*sources_[i].second);
      folder_.remember(identities_[i], *digest);
    }
    out.push_back(*digest);
  }
  return out;
}

void Session::publish(std::shared_ptr<const exec::WeightStore> weights) {
  if (sources_.empty() || (entry_ && weights->made() == 0) || folder_.is_fixed()) return;
  process_ = ::getpid();
  writer_ = std::thread([this, weights = std::move(weights)] {
    try {
      write(*weights);
    } catch (const std::exception& error) {
      failure_ = error.what();
    }
  });
}

void Session::write(const exec::WeightStore& weights) const {
  const auto lock = folder_.lock();
  EntryInfo info;
  info.key = key(digests());
  // Digest and packs must be of the same files: nothing was replaced or changed meanwhile.
  if (identities_of(asset_.sources()) != identities_)
    throw Error(ErrorCode::io, "the model changed while it was loaded");
  info.model = request_.model;
  info.configuration = request_.configuration;
  info.created = seconds_now();
  for (std::size_t i = 0; i < sources_.size(); ++i)
    info.sources.push_back({std::filesystem::absolute(sources_[i].second->name()), identities_[i]});
  std::string ignored;
  const auto packs = weights.packs();
  const auto there = folder_.find(info.key, ignored);
  const bool complete = there && std::ranges::all_of(packs, [&](const auto& named) {
                          return there->find(named.first, named.second->bytes().size()) != nullptr;
                        });
  std::int64_t size = 0;
  for (const auto& [name, pack] : packs) size += static_cast<std::int64_t>(pack->bytes().size());
  const std::int64_t limit = limit_.value_or(default_limit(folder_));
  if (size > limit)
    throw Error(ErrorCode::io,
                cat("the packed weights take ", base::size_text(static_cast<std::uint64_t>(size)),
                    ", the cache may hold ", base::size_text(static_cast<std::uint64_t>(limit))));
  if (!complete) write_entry(folder_.entry_file(info.key), info, packs);
  folder_.tidy(limit);
}

std::string Session::wait() {
  if (writer_.joinable() && process_ == ::getpid()) writer_.join();
  return failure_;
}

Session::~Session() {
  if (!writer_.joinable()) return;
  if (process_ == ::getpid()) {
    writer_.join();
  } else {
    writer_.detach();  // it runs in the parent
  }
}

void Session::discard() const {
  if (entry_) Folder::remove(folder_.entry_file(entry_->info().key));
}

}  // namespace pome::cache
