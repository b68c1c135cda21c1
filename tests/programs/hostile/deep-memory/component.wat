;; Recurses, and keeps a variable of each level on a stack in linear memory that grows down, as compilers lay it out:
;; until it grows past address 0. Two functions call each other and neither has a name. Actions: `misbehave`, and
;; `behave`.
(component
  (import "astrid:guest/lifecycle@1.0.0" (instance $lifecycle
    (type $record (record (field "action" string) (field "data" (option string))))
    (export "capsule-result" (type (eq $record)))))
  (alias export $lifecycle "capsule-result" (type $capsule-result))

  (core module $code
    (memory (export "memory") 1)
    (global (mut i32) (i32.const 60000))
    ;; The answer: a word of 8 bytes at 40 and no data.
    (data (i32.const 0) "\28\00\00\00" "\08\00\00\00" "\00")
    (data (i32.const 40) "continue")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.const 61000))
    (func (export "trigger") (param i32 i32 i32 i32) (result i32)
      (if (i32.eq (local.get 1) (i32.const 9))
        (then (call 2)))
      (i32.const 0))
    (func
      (global.set 0 (i32.sub (global.get 0) (i32.const 1024)))
      (i32.store (global.get 0) (i32.const 1))
      (call 3))
    (func
      (call 2)
      (global.set 0 (i32.add (global.get 0) (i32.const 1024)))))
  (core instance $code (instantiate $code))

  (func (export "astrid-hook-trigger")
    (param "action" string) (param "payload" (list u8)) (result $capsule-result)
    (canon lift (core func $code "trigger") (memory $code "memory") (realloc (func $code "realloc")))))
