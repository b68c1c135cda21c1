;; Answers with a verdict whose word has 1 MiB, or denies with a reason of 2 MiB. Actions: `misbehave`, `deny`, and
;; `behave`.
(component
  (import "astrid:guest/lifecycle@1.0.0" (instance $lifecycle
    (type $record (record (field "action" string) (field "data" (option string))))
    (export "capsule-result" (type (eq $record)))))
  (alias export $lifecycle "capsule-result" (type $capsule-result))

  (core module $code
    (memory (export "memory") 33)
    ;; The answers: a word of 8 bytes at 40, or of 1 MiB at 65,536, and no data; or the word at 48, with 2 MiB of data at
    ;; 65,536.
    (data (i32.const 0) "\28\00\00\00" "\08\00\00\00" "\00")
    (data (i32.const 20) "\00\00\01\00" "\00\00\10\00" "\00")
    (data (i32.const 40) "continue" "deny")
    (data (i32.const 52) "\30\00\00\00" "\04\00\00\00" "\01\00\00\00" "\00\00\01\00" "\00\00\20\00")
    ;; Where an argument goes: behind all else, and the payload over the action, of which only the length counts.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.const 1024))
    (func (export "trigger") (param i32 i32 i32 i32) (result i32)
      (memory.fill (i32.const 65536) (i32.const 0x78) (i32.const 2097152))
      (select
        (i32.const 20)
        (select (i32.const 52) (i32.const 0) (i32.eq (local.get 1) (i32.const 4)))
        (i32.eq (local.get 1) (i32.const 9)))))
  (core instance $code (instantiate $code))

  (func (export "astrid-hook-trigger")
    (param "action" string) (param "payload" (list u8)) (result $capsule-result)
    (canon lift (core func $code "trigger") (memory $code "memory") (realloc (func $code "realloc")))))
