#!/bin/sh
# Makes the demo model's corpus from Debian's own package descriptions, as the
# machine's apt sources offer them: usage: corpus.sh OUT_FILE
#
# The English long descriptions are fetched by `apt-get update` into a private
# folder, so the system's package lists stay as they are. The result depends
# only on the release's lists: packages sorted by name, one record each, records
# ended by a form feed and a newline. Prints the corpus' SHA-256 at the end;
# writer/corpus_digest.txt holds that of the corpus the weights were trained on.
set -eu
out=${1:?usage: corpus.sh OUT_FILE}
state=$(mktemp -d "${TMPDIR:-/tmp}/troupe-corpus.XXXXXX")
trap 'rm -rf "$state"' EXIT
mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
chmod 755 "$state" "$state/lists"
apt_options="-o Dir::State::lists=$state/lists -o Dir::Cache=$state/cache
  -o Acquire::Languages=en -o APT::Update::Post-Invoke-Success::=
  -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false"

# shellcheck disable=SC2086  # the options are meant to be split
apt-get $apt_options -qq update
# Only the release itself: its -updates and -security suites change daily.
# shellcheck disable=SC2086
list() {
  apt-get $apt_options indextargets --format '$(CREATED_BY)|$(RELEASE)|$(COMPONENT)|$(ARCHITECTURE)|$(FILENAME)' |
    awk -F'|' -v kind="$1" '$1 == kind && $3 == "main" \
      && $2 !~ /-/ { print $5; exit }'
}
packages=$(list Packages)
translation=$(list Translations)
/usr/lib/apt/apt-helper cat-file "$packages" > "$state/packages"
/usr/lib/apt/apt-helper cat-file "$translation" > "$state/translation"

# One line per package: name, section, short description, long description with
# "\001" for line ends; joined on (name, description digest).
LC_ALL=C awk '
  function flush() {
    if (name != "" && digest != "" && text != "") long[name "\002" digest] = text
    name = digest = text = ""; inside = 0
  }
  FNR == 1 { if (file++) flush() }
  file == 1 {
    if ($0 == "") { flush(); next }
    if ($0 ~ /^ /) { if (inside) text = text "\001" substr($0, 2); next }
    inside = 0
    if ($1 == "Package:") name = $2
    else if ($1 == "Description-md5:") digest = $2
    else if ($1 == "Description-en:") {
      text = substr($0, 17); inside = 1
    }
    next
  }
  $1 == "Package:" { package = $2; section = ""; md5 = "" }
  $1 == "Section:" { section = $2 }
  $1 == "Description-md5:" { md5 = $2 }
  $0 == "" {
    if ((package "\002" md5) in long)
      print package "\t" section "\t" long[package "\002" md5]
    package = md5 = section = ""
  }
' "$state/translation" "$state/packages" | LC_ALL=C sort -u -t "$(printf '\t')" -k1,1 > "$state/joined"

# Which packages, and how much of each: see docs/demo-model.md.
LC_ALL=C awk -F'\t' -v bytes_max=900 '
  $2 ~ /^(localization|debug|oldlibs|metapackages|rust|haskell|kernel)$/ { next }
  $1 ~ /(-l10n|-dbg|-locale|-i18n|^task-|^fonts-lang)/ { next }
  {
    count = split($3, line, "\001")
    short = line[1]
    paragraphs = 0; paragraph[1] = ""; open = 0
    for (i = 2; i <= count; ++i) {
      text = line[i]
      if (text == "." || text ~ /^[ \t]*$/) { open = 0; continue }
      verbatim = text ~ /^[ \t]/ || text ~ /^[-*+o] /
      sub(/^[ \t]+/, "", text)
      if (!open) { paragraph[++paragraphs] = text; open = 1 }
      else if (verbatim || text ~ /^[-*+o] /)
        paragraph[paragraphs] = paragraph[paragraphs] "\n" text
      else paragraph[paragraphs] = paragraph[paragraphs] " " text
    }
    if (paragraphs == 0) next
    # Sibling packages repeat their first paragraph: two of them suffice.
    if (seen[paragraph[1]]++ >= 2) next
    record = "Package: " $1 "\nSection: " $2 "\nDescription: " short "\n"
    if (length(record) + length(paragraph[1]) > bytes_max) next
    if (length(paragraph[1]) < 40) next
    record = record paragraph[1]
    for (i = 2; i <= paragraphs; ++i) {
      if (length(record) + length(paragraph[i]) + 2 > bytes_max) break
      record = record "\n\n" paragraph[i]
    }
    # English only: at most 2 % of bytes outside of ASCII.
    ascii = record; other = gsub(/[\200-\377]/, "", ascii)
    if (other * 50 > length(record)) next
    printf "%s\f\n", record
  }
' "$state/joined" > "$out"
printf '%s  %s\n' "$(sha256sum "$out" | cut -d' ' -f1)" "$(basename "$out")"
