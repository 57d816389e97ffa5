#compdef kiln
# zsh completion for kiln, made from its own definitions

_kiln() {
    local state line
    local -a commands=(
        'build:bake a loaf from a recipe folder'
        'signature:work with signatures'
        'explode:fail with an explanation'
        'break:fail without one'
        'help:print the help of a command'
        'completions:print a completion script for a shell'
        'manual:print the manual of all commands as a man page'
    )
    _arguments -s -C \
        '(--quiet -q)'{-q,--quiet}'[print data and errors only]' \
        '--color=[colour what is printed]:WHEN:(auto always never)' \
        '(- *)'{-h,--help}'[print help]' \
        '1: :->command' \
        '*:: :->rest'
    case $state in
        command ) _describe command commands ;;
        rest )
            case $line[1] in
                build ) _kiln_build ;;
                signature ) _kiln_signature ;;
                explode ) _kiln_explode ;;
                break ) _kiln_break ;;
                help ) _kiln_help ;;
                completions ) _kiln_completions ;;
                manual ) _kiln_manual ;;
            esac ;;
    esac
}

_kiln_build() {
    _arguments -s \
        '(--out -o)'{-o+,--out=}'[where the loaf is put]:DIR:_directories' \
        '*'{-d+,--device=}'[bake for this oven]:NAME: ' \
        '--heat=[heat]:N: ' \
        '--limit=[largest loaf]:SIZE: ' \
        '--wait=[how long to bake]:DURATION: ' \
        '--level=[what matters more]:CHOICE:(fast small)' \
        '--share=[how much of it]:NUMBER: ' \
        '(--json -j)'{-j,--json}'[print JSON]' \
        '(--force -f)'{-f,--force}'[overwrite what is there]' \
        '(--quiet -q)'{-q,--quiet}'[print data and errors only]' \
        '--color=[colour what is printed]:WHEN:(auto always never)' \
        '(- *)'{-h,--help}'[print help]' \
        ':PROJECT:_files'
}

_kiln_signature() {
    local state line
    local -a commands=(
        'add:sign loaves'
        'say:say something'
    )
    _arguments -s -C \
        '(--quiet -q)'{-q,--quiet}'[print data and errors only]' \
        '--color=[colour what is printed]:WHEN:(auto always never)' \
        '(- *)'{-h,--help}'[print help]' \
        '1: :->command' \
        '*:: :->rest'
    case $state in
        command ) _describe command commands ;;
        rest )
            case $line[1] in
                add ) _kiln_signature_add ;;
                say ) _kiln_signature_say ;;
            esac ;;
    esac
}

_kiln_signature_add() {
    _arguments -s \
        '(--key -k)'{-k+,--key=}'[the key]:FILE:_files' \
        '(--quiet -q)'{-q,--quiet}'[print data and errors only]' \
        '--color=[colour what is printed]:WHEN:(auto always never)' \
        '(- *)'{-h,--help}'[print help]' \
        '*:FILE:_files'
}

_kiln_signature_say() {
    _arguments -s \
        '(--quiet -q)'{-q,--quiet}'[print data and errors only]' \
        '--color=[colour what is printed]:WHEN:(auto always never)' \
        '(- *)'{-h,--help}'[print help]' \
        '::NOTE: ' \
        '::TIMES: '
}

_kiln_explode() {
    _arguments -s \
        '(--quiet -q)'{-q,--quiet}'[print data and errors only]' \
        '--color=[colour what is printed]:WHEN:(auto always never)' \
        '(- *)'{-h,--help}'[print help]'
}

_kiln_break() {
    _arguments -s \
        '(--quiet -q)'{-q,--quiet}'[print data and errors only]' \
        '--color=[colour what is printed]:WHEN:(auto always never)' \
        '(- *)'{-h,--help}'[print help]'
}

_kiln_help() {
    _arguments -s \
        '(--quiet -q)'{-q,--quiet}'[print data and errors only]' \
        '--color=[colour what is printed]:WHEN:(auto always never)' \
        '(- *)'{-h,--help}'[print help]' \
        '*:COMMAND: '
}

_kiln_completions() {
    _arguments -s \
        '(--quiet -q)'{-q,--quiet}'[print data and errors only]' \
        '--color=[colour what is printed]:WHEN:(auto always never)' \
        '(- *)'{-h,--help}'[print help]' \
        ':SHELL:(bash zsh fish)'
}

_kiln_manual() {
    _arguments -s \
        '--markdown[print Markdown in place of a man page]' \
        '(--quiet -q)'{-q,--quiet}'[print data and errors only]' \
        '--color=[colour what is printed]:WHEN:(auto always never)' \
        '(- *)'{-h,--help}'[print help]'
}

# Autoloaded, the file is the function's body; sourced, it registers the function.
if [[ ${funcstack[1]} == _kiln ]]; then _kiln "$@"; else compdef _kiln kiln; fi
