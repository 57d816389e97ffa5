# bash completion for kiln, made from its own definitions
_kiln() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local path=kiln skip= word i
    COMPREPLY=()
    # bash cuts --option=value into three words
    if [[ $current == "=" ]]; then current=
    elif [[ $previous == "=" ]]; then previous=${COMP_WORDS[COMP_CWORD-2]}; fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $skip && $word != "=" ]]; then skip=; continue; fi
        case "$path|$word" in
            "kiln|--color"|"kiln build|--out"|"kiln build|-o"|"kiln build|--device"|"kiln build|-d"|"kiln build|--heat"|"kiln build|--limit"|"kiln build|--wait"|"kiln build|--level"|"kiln build|--share"|"kiln build|--color"|"kiln signature|--color"|"kiln signature add|--key"|"kiln signature add|-k"|"kiln signature add|--color"|"kiln signature say|--color"|"kiln explode|--color"|"kiln break|--color"|"kiln help|--color"|"kiln completions|--color"|"kiln manual|--color" ) skip=1 ;;
            "kiln|build" ) path="kiln build" ;;
            "kiln|signature" ) path="kiln signature" ;;
            "kiln|explode" ) path="kiln explode" ;;
            "kiln|break" ) path="kiln break" ;;
            "kiln|help" ) path="kiln help" ;;
            "kiln|completions" ) path="kiln completions" ;;
            "kiln|manual" ) path="kiln manual" ;;
            "kiln signature|add" ) path="kiln signature add" ;;
            "kiln signature|say" ) path="kiln signature say" ;;
        esac
    done
    case "$path|$previous" in
        "kiln|--color" ) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$current"); return ;;
        "kiln build|--out"|"kiln build|-o" ) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
        "kiln build|--device"|"kiln build|-d" ) :; return ;;
        "kiln build|--heat" ) :; return ;;
        "kiln build|--limit" ) :; return ;;
        "kiln build|--wait" ) :; return ;;
        "kiln build|--level" ) mapfile -t COMPREPLY < <(compgen -W "fast small" -- "$current"); return ;;
        "kiln build|--share" ) :; return ;;
        "kiln build|--color" ) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$current"); return ;;
        "kiln signature|--color" ) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$current"); return ;;
        "kiln signature add|--key"|"kiln signature add|-k" ) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        "kiln signature add|--color" ) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$current"); return ;;
        "kiln signature say|--color" ) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$current"); return ;;
        "kiln explode|--color" ) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$current"); return ;;
        "kiln break|--color" ) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$current"); return ;;
        "kiln help|--color" ) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$current"); return ;;
        "kiln completions|--color" ) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$current"); return ;;
        "kiln manual|--color" ) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$current"); return ;;
    esac
    case "$path" in
        "kiln" )
            if [[ $current == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "--quiet --color --help" -- "$current")
            else mapfile -t COMPREPLY < <(compgen -W "build signature explode break help completions manual" -- "$current"); fi ;;
        "kiln build" )
            if [[ $current == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "--out --device --heat --limit --wait --level --share --json --force --quiet --color --help" -- "$current")
            else compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); fi ;;
        "kiln signature" )
            if [[ $current == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "--quiet --color --help" -- "$current")
            else mapfile -t COMPREPLY < <(compgen -W "add say" -- "$current"); fi ;;
        "kiln signature add" )
            if [[ $current == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "--key --quiet --color --help" -- "$current")
            else compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); fi ;;
        "kiln signature say" )
            if [[ $current == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "--quiet --color --help" -- "$current")
            else :; fi ;;
        "kiln explode" )
            if [[ $current == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "--quiet --color --help" -- "$current")
            else :; fi ;;
        "kiln break" )
            if [[ $current == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "--quiet --color --help" -- "$current")
            else :; fi ;;
        "kiln help" )
            if [[ $current == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "--quiet --color --help" -- "$current")
            else :; fi ;;
        "kiln completions" )
            if [[ $current == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "--quiet --color --help" -- "$current")
            else mapfile -t COMPREPLY < <(compgen -W "bash zsh fish" -- "$current"); fi ;;
        "kiln manual" )
            if [[ $current == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "--markdown --quiet --color --help" -- "$current")
            else :; fi ;;
    esac
}
complete -o nosort -F _kiln kiln
