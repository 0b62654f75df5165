# shellcheck shell=sh disable=SC2154
# Looks one key up in the shell that sources it (bin/runner), and ends it with the answer: the same bytes and
# the same status as the full program (src/cli/chain/get.ts), for little more than a shell costs. If it is
# not sure, it returns, so that the full program answers. bin/runner gives it rn_self, rn_form, rn_file and
# rn_key.
#
# The dialect is that of src/config/ini/ini.ts. A short file is read by the loop below; a long one, an
# include_dir and unusual characters are awk's. test/config/ini/lookup.test.ts holds the three readers
# together.

# The bytes that the loop may read: in dash, which makes one system call a byte, that takes half the time awk
# takes to start.
rn_budget=800

case $rn_form in
*f*) ;;
*)
  rn_file=${RUNNER_CONFIG-}
  if [ "$rn_file" ]; then
    :
  elif [ -e runner.cfg ]; then
    rn_file=runner.cfg
  elif [ -e /etc/runner/runner.cfg ]; then
    rn_file=/etc/runner/runner.cfg
  else
    exit 0
  fi
  ;;
esac
case $rn_file in
/dev/null) exit 0 ;;
/dev/* | /proc/*) return 0 ;;
/*) ;;
*) rn_file=./$rn_file ;;
esac
rn_section=${rn_key%%.*} rn_name=${rn_key#*.}
if ! [ -f "$rn_file" ] || ! [ -r "$rn_file" ] || ! [ "$rn_name" ]; then return 0; fi

# Characters are bytes, and file names stand in the order of their bytes.
rn_had_locale=${LC_ALL+yes} rn_locale=${LC_ALL-} LC_ALL=C
rn_tab='	' rn_newline='
'

# The compiled form (src/config/compiled-look-ups.ts), in a directory that only the caller or root can write
# to. Its scripts end with the answer, or come back where the configuration has changed. A shell that compares
# whole seconds must not use it: busybox has one.
rn_base=/run
[ -O "$rn_base" ] || rn_base=${XDG_RUNTIME_DIR-}
if [ -O "$rn_base/runner-look-up" ] && [ -O "$rn_base" ] && ! [ -k "$rn_base" ]; then
  rn_base=$rn_base/runner-look-up
  case $rn_file in
  /*) rn_path=$rn_base/1$rn_file ;;
  *) rn_path=$rn_base/1$PWD/${rn_file#./} ;;
  esac
  case $rn_section in
  '' | *[!A-Za-z0-9_-]*) rn_word='' ;;
  *)
    rn_word=$rn_path/s-$rn_section
    [ -e "$rn_word" ] || rn_word=$rn_path/none
    ;;
  esac
  case $rn_base$rn_path in
  [!/]* | */../*) ;;
  *)
    # In a shell without `-nt` the test fails, and the files are read.
    # shellcheck disable=SC3013
    if [ "$rn_base/newer" -nt "$rn_base/older" ] && [ "$rn_word" ] && [ -e "$rn_word" ]; then
      # shellcheck disable=SC1090
      command . "$rn_word"
    fi
    ;;
  esac
fi

# rn_text without a comment and the white space before it.
rn_cut() {
  case $rn_text in
  *[[:blank:]]\;*) rn_text=${rn_text%%[[:blank:]]\;*} ;;
  esac
  case $rn_text in
  *[[:blank:]]) rn_text=${rn_text%"${rn_text##*[![:blank:]]}"} ;;
  esac
}

# Where awk has run and found out what include_dir is, it shall run again.
rn_left=$rn_budget
[ -z "${rn_include+set}" ] || rn_left=0

# rn_indent: lines indented deeper belong to the line above; rn_open: they continue the value asked for.
# rn_where: `;` in the section asked for, `#` in [runner], both in both. Put before a line it cannot be
# mistaken for a part of it, since a line that begins so is a comment.
rn_indent=999999999 rn_open='' rn_where='' rn_gap='' rn_set='' rn_awk=''
while IFS= read -r rn_line || [ "$rn_line" ]; do
  case $((rn_left -= ${#rn_line} + 9)) in
  -*) rn_awk=yes; break ;;
  esac
  case $rn_line in
  *[!\ -~$rn_tab]*)
    case $rn_line in
    *[[:cntrl:]]*) rn_awk=yes; break ;;
    [![:print:]]*)
      # On the first line it may be a byte order mark.
      [ $((rn_left + ${#rn_line} + 9)) -lt "$rn_budget" ] || rn_awk=yes
      [ -z "$rn_awk" ] || break
      ;;
    esac
    ;;
  esac

  rn_text=$rn_line
  case $rn_line in
  [\#\;]*) continue ;;
  [![:blank:]]*) rn_indent=0 rn_open='' ;;
  *)
    rn_text=${rn_line#"${rn_line%%[![:blank:]]*}"}
    case $rn_text in
    '') rn_gap=$rn_gap$rn_newline; continue ;;
    [\#\;]*) continue ;;
    esac
    if [ $((${#rn_line} - ${#rn_text})) -gt "$rn_indent" ]; then
      if [ "$rn_open" ]; then
        rn_cut
        rn_value=$rn_value$rn_gap$rn_newline$rn_text rn_gap=''
      fi
      continue
    fi
    rn_indent=$((${#rn_line} - ${#rn_text})) rn_open=''
    ;;
  esac

  case $rn_where$rn_text in
  \[* | \;\[* | \#\[* | \#\;\[*) ;;
  \#include_dir* | \#\;include_dir*) ;;
  \;"$rn_name"* | \#\;"$rn_name"*) ;;
  *) continue ;;
  esac
  rn_cut
  case $rn_text in
  \[?*\]*)
    rn_text=${rn_text%\]*} rn_indent=999999999 rn_where=''
    [ "$rn_text" != '[runner' ] || rn_where='#'
    [ "$rn_text" != "[$rn_section" ] || rn_where="$rn_where;"
    ;;
  *[=:]*)
    rn_word=${rn_text%%[=:]*} rn_text=${rn_text#*[=:]}
    rn_text=${rn_text#"${rn_text%%[![:blank:]]*}"}
    case $rn_where${rn_word%"${rn_word##*[![:blank:]]}"} in
    \#include_dir | \#\;include_dir) rn_include=$rn_text rn_awk=yes; break ;;
    \;"$rn_name" | \#\;"$rn_name") rn_value=$rn_text rn_set=yes rn_open=yes rn_gap='' ;;
    esac
    ;;
  esac
done <"$rn_file"
if [ -z "$rn_awk" ]; then
  [ "$rn_set" ] || exit 0
  printf '%s\n' "$rn_value"
  exit
fi

# Awk reads the files afresh. It takes the place of this shell, which saves a process, and so it has to hand
# on itself what it is not sure of: rn_full asks the full program, and rn_again asks this script once more,
# telling it include_dir, where that is not what the loop has seen so far.

# Comes back where a file is not as it should be.
rn_start_awk() {
  if [ "$rn_include" ]; then
    case $- in
    *f*) return 0 ;; # no globbing
    esac
    case $rn_include in
    /*) rn_folder=$rn_include ;;
    *) rn_folder=${rn_file%/*}/$rn_include ;;
    esac
    if ! [ -d "$rn_folder" ] || ! [ -r "$rn_folder" ] || ! [ -x "$rn_folder" ]; then return 0; fi
    for rn_path in "$rn_folder"/*; do
      rn_word=${rn_path##*/}
      case $rn_word in
      .* | *~ | *.orig | *.rej | *.bak | *.swp) continue ;;
      *.dpkg-* | *.rpm* | *.ucf-*)
        case ${rn_word##*.} in
        dpkg-* | rpm* | ucf-*) continue ;;
        esac
        ;;
      esac
      if [ -f "$rn_path" ] && [ -r "$rn_path" ]; then
        set -- "$@" "$rn_path"
      elif [ -f "$rn_path" ] || { [ -h "$rn_path" ] && ! [ -e "$rn_path" ]; }; then
        return 0
      fi
    done
  fi
  export LC_ALL
  exec "$rn_awk" "$rn_program" "$rn_section" "$rn_name" "$rn_include" "$rn_full" "$rn_again" "$rn_file" "$@"
}

rn_include=${rn_include-}
rn_full="sh '$rn_self' '--config=$rn_file' get -- '$rn_key'"
rn_again="sh '$rn_self' '--config=$rn_file' '--get=$rn_key'"
if [ "$rn_had_locale" ]; then
  rn_full="LC_ALL='$rn_locale' $rn_full" rn_again="LC_ALL='$rn_locale' $rn_again"
else
  rn_full="unset LC_ALL; $rn_full" rn_again="unset LC_ALL; $rn_again"
fi
rn_program='
function not_sure() { exit system(full) }

# The length of a text without the white space at its end.
function kept(text,   n) {
  for (n = length(text); n > 0; n--) if (!index(" \t", substr(text, n, 1))) break
  return n
}

function read_file(path, main,   line, got, first, size, indent, here, open, gaps, text, depth, char, key) {
  first = 1
  indent = never
  while ((got = (getline line < path)) > 0) {
    if ((size += length(line) + 1) > 16777216) not_sure()
    if (line ~ /[^\t -~]/) {
      if (first && line ~ /^[^\t -~]/) {
        if (substr(line, 1, 3) == "\357\273\277") line = substr(line, 4)
        # An awk whose characters are not bytes has another idea of a byte order mark.
        else if (length("\303\244") != 2) not_sure()
      }
      sub(/\r$/, "", line)
      if (line ~ /[\001-\010\013-\037\177]/) not_sure()
    }
    first = depth = 0
    while ((char = substr(line, depth + 1, 1)) == " " || char == "\t") depth++
    if (char == "") { gaps++; continue }
    if (char == "#" || char == ";" || (depth > indent && open == "")) continue
    if (depth <= indent) {
      indent = depth
      open = ""
      if (here == "" && char != "[") continue
    }
    text = substr(line, depth + 1)
    if (match(text, /[ \t];/)) text = substr(text, 1, RSTART - 1)
    text = substr(text, 1, kept(text))
    if (open != "") {
      if (open == "include_dir") not_sure()
      for (; gaps > 0; gaps--) value[++lines] = ""
      value[++lines] = text
      continue
    }
    if (char == "[" && match(text, /^\[.+\]/)) {
      key = substr(text, 2, RLENGTH - 2)
      here = (key == section ? "k" : "") (main && key == "runner" ? "i" : "")
      indent = never
      continue
    }
    if (here == "" || match(text, /[=:]/) < 2) continue
    key = substr(text, 1, kept(substr(text, 1, RSTART - 1)))
    text = substr(text, RSTART + 1)
    sub(/^[ \t]+/, "", text)
    if (key == name && here ~ /k/) {
      value[1] = text
      lines = 1
      gaps = 0
      open = "value"
    }
    if (key == "include_dir" && here ~ /i/) {
      include = text
      open = "include_dir"
    }
  }
  if (got < 0) not_sure()
  close(path)
}

BEGIN {
  never = 999999999
  quote = "\047"
  section = ARGV[1] ""
  name = ARGV[2] ""
  full = ARGV[4]
  for (file = 6; file < ARGC; file++) {
    read_file(ARGV[file], file == 6)
    if (file > 6 || include == ARGV[3] "") continue
    if (index(include, quote)) not_sure()
    exit system("rn_include=" quote include quote "; export rn_include; " ARGV[5])
  }
  for (line = 1; line <= lines; line++) print value[line]
}'
# mawk starts in half the time of gawk.
rn_awk='mawk'
command -v mawk >/dev/null || rn_awk='awk'
case $rn_self$rn_file$rn_key$rn_locale in
*\'*) ;;
*) ! command -v "$rn_awk" >/dev/null || rn_start_awk ;;
esac
if [ "$rn_had_locale" ]; then LC_ALL=$rn_locale; else unset LC_ALL; fi
