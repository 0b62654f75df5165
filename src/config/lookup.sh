# shellcheck shell=sh
# Looks one key up, in the shell that sources it (bin/runner), and exits with the answer: the same bytes and the
# same status as the full program (src/cli/get.ts), for the cost of a shell. Whatever it is not sure of it leaves to
# that, by returning. It gets rn_key, rn_file and rn_form.

rn_section=${rn_key%%.*} rn_name=${rn_key#*.}
rn_tab='	' rn_newline='
'
# One short file is read here. rn_where is `;` in the section asked for, `#` in [runner], both in both:
# what no line can begin with that gets that far.
rn_left=90000 rn_never=999999999 rn_indent=$rn_never rn_where= rn_open= rn_set= rn_long=
while IFS= read -r rn_line || [ "$rn_line" ]; do
  # dash reads with one system call a byte.
  case $((rn_left -= ${#rn_line} + 9)) in
  -*) rn_long=yes; break ;;
  esac
  case $rn_line in
  *[!\ -~$rn_tab]*)
    case $rn_line in
    *[[:cntrl:]]* | [![:print:]]*) rn_long=yes; break ;;
    esac
    ;;
  esac
  rn_text=$rn_line
  case $rn_line in
  [\#\;]*) continue ;;
  [!\ $rn_tab]*) rn_open= rn_indent=0 ;;
  *)
    rn_text=${rn_line#"${rn_line%%[!\ $rn_tab]*}"}
    rn_depth=$((${#rn_line} - ${#rn_text}))
    case $rn_text in
    [\#\;]*) continue ;;
    '') rn_gap=$rn_gap$rn_newline; continue ;;
    esac
    if [ "$rn_depth" -gt "$rn_indent" ]; then
      [ "$rn_open" ] || continue
    else
      rn_open= rn_indent=$rn_depth
    fi
    ;;
  esac
  case $rn_open$rn_where$rn_text in
    \[* | \;\[* | \#\[* | \#\;\[*) ;;
    \;"$rn_name"* | \#\;"$rn_name"*) ;;
    \#include_dir* | \#\;include_dir*) rn_long=yes; break ;;
    yes*) ;;
    *) continue ;;
  esac
  case $rn_text in
  *[\ $rn_tab]\;*) rn_text=${rn_text%%[\ $rn_tab]\;*} ;;
  esac
  case $rn_text in
  *[\ $rn_tab]) rn_text=${rn_text%"${rn_text##*[!\ $rn_tab]}"} ;;
  esac
  if [ "$rn_open" ]; then
    rn_value=$rn_value$rn_gap$rn_newline$rn_text rn_gap=
    continue
  fi
  case $rn_text in
  \[?*\]*)
    rn_indent=$rn_never rn_where=
    [ "${rn_text%\]*}" != '[runner' ] || rn_where='#'
    [ "${rn_text%\]*}" != "[$rn_section" ] || rn_where="$rn_where;"
    continue ;;
  *[=:]*) ;;
  *) continue ;;
  esac
  rn_found=${rn_text%%[=:]*}
  case $rn_where${rn_found%"${rn_found##*[!\ $rn_tab]}"} in
  \;"$rn_name" | \#\;"$rn_name")
    rn_value=${rn_text#*[=:]}
    rn_value=${rn_value#"${rn_value%%[!\ $rn_tab]*}"}
    rn_open=yes rn_set=yes rn_gap= ;;
  esac
done <"$rn_file"
[ -z "$rn_set" ] || printf '%s\n' "$rn_value"
exit 0
