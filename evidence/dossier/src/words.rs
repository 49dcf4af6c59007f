//! The texts of a dossier, in English and Russian.

/// The words of a report.
#[derive(Debug)]
pub(crate) struct Words {
    pub language: &'static str,
    pub title: &'static str,
    pub question: &'static str,
    pub transaction: &'static str,
    pub system: &'static str,
    pub user: &'static str,
    pub outcome: &'static str,
    pub pending: &'static str,
    pub confirmed: &'static str,
    pub confirmed_by_code: &'static str,
    pub autoconfirmed: &'static str,
    pub declined: &'static str,
    pub expired: &'static str,
    pub when: &'static str,
    pub key: &'static str,
    pub digest: &'static str,
    pub signature: &'static str,
    pub public_key: &'static str,
    pub shown: &'static str,
    pub attachment: &'static str,
    pub erased: &'static str,
    pub altered: &'static str,
    pub reason: &'static str,
    pub reason_code: &'static str,
    pub erased_reason: &'static str,
    pub altered_reason: &'static str,
    pub events: &'static str,
    pub about_events: &'static str,
    pub event: &'static str,
    pub result: &'static str,
    pub actor: &'static str,
    pub record: &'static str,
    pub checking: &'static str,
    pub how_to_check: &'static str,
    pub key_of_the_journal: &'static str,
}

pub(crate) const ENGLISH: Words = Words {
    language: "en",
    title: "Evidence about a transaction",
    question: "Did this person, holding this key, see these words and agree?",
    transaction: "Transaction",
    system: "System",
    user: "User",
    outcome: "Outcome",
    pending: "not answered yet",
    confirmed: "confirmed, with a signature of the key below over the digest below",
    confirmed_by_code: "confirmed, with a code that the key makes; there is no signature",
    autoconfirmed: "confirmed automatically by the device, with its second pair of keys",
    declined: "declined",
    expired: "not answered before the deadline",
    when: "When (UTC)",
    key: "Number of the key",
    digest: "SHA-256 of what was to be signed",
    signature: "Signature (ECDSA P-256, DER, hex)",
    public_key: "Public key (SubjectPublicKeyInfo, hex)",
    shown: "What was shown",
    attachment: "Bytes that went with it (shown/attachment.bin), size",
    erased: "The text was erased by order of the bank or of the law. Its digest is left, and the signature is over that digest: \
             whoever still has the exact text, its attachment and its salt can show that these are what was signed.",
    altered: "What lies in the store in place of the text does not have the digest that was recorded. It is not shown here.",
    reason: "Why it was declined",
    reason_code: "As a number",
    erased_reason: "The reason was erased by order of the bank or of the law. Its digest is left in the event of the declination: whoever \
                    still has the exact words and their salt can show that these are what was given.",
    altered_reason: "What lies in the store in place of the reason does not have the digest that was recorded. It is not shown here.",
    events: "What happened",
    about_events: "Events about the transaction and about the key, in their order. Each has its bytes as they are stored (.event), \
                   its record in the journal (.record) and a proof (.tlog-proof) in the folder events.",
    event: "Event",
    result: "Result code",
    actor: "Came from",
    record: "Record",
    checking: "How to check this",
    how_to_check: "README.txt says how, with openssl and countersign-verify; check.sh does it. This page is only a rendering: \
                   the files prove. The checkpoint they are proven by:",
    key_of_the_journal: "The key of the journal. It must be the one you were given another way than with these files:",
};

pub(crate) const RUSSIAN: Words = Words {
    language: "ru",
    title: "Доказательства по транзакции",
    question: "Видел ли этот человек, владея этим ключом, этот текст и согласился ли он?",
    transaction: "Транзакция",
    system: "Система",
    user: "Пользователь",
    outcome: "Исход",
    pending: "ответа ещё нет",
    confirmed: "подтверждена: подпись указанным ниже ключом под указанным ниже дайджестом",
    confirmed_by_code: "подтверждена кодом, который вычисляет ключ; подписи нет",
    autoconfirmed: "подтверждена устройством автоматически, второй парой ключей",
    declined: "отклонена",
    expired: "срок истёк раньше ответа",
    when: "Время (UTC)",
    key: "Номер ключа",
    digest: "SHA-256 того, что подписывалось",
    signature: "Подпись (ECDSA P-256, DER, hex)",
    public_key: "Открытый ключ (SubjectPublicKeyInfo, hex)",
    shown: "Что было показано",
    attachment: "Приложенный файл (shown/attachment.bin), байт",
    erased: "Текст удалён по требованию банка или закона. Остался его дайджест, и подпись поставлена под ним: у кого сохранились \
             точный текст, приложение и соль, тот может показать, что подписано именно это.",
    altered: "То, что лежит в хранилище вместо текста, не имеет записанного дайджеста. Здесь оно не показано.",
    reason: "Почему отклонена",
    reason_code: "Числом",
    erased_reason: "Причина удалена по требованию банка или закона. В событии отказа остался её дайджест: у кого сохранились точные \
                    слова и соль, тот может показать, что указаны были именно они.",
    altered_reason: "То, что лежит в хранилище вместо причины, не имеет записанного дайджеста. Здесь оно не показано.",
    events: "Что произошло",
    about_events: "События транзакции и ключа по порядку. У каждого в папке events есть байты, как они хранятся (.event), запись \
                   в журнале (.record) и доказательство (.tlog-proof).",
    event: "Событие",
    result: "Код результата",
    actor: "Откуда",
    record: "Запись",
    checking: "Как это проверить",
    how_to_check: "Порядок проверки с openssl и countersign-verify описан в README.txt, её выполняет check.sh. Эта страница только \
                   для чтения: доказывают файлы. Контрольная точка, которой они доказаны:",
    key_of_the_journal: "Ключ журнала. Он должен совпадать с полученным отдельно от этих файлов:",
};

/// The guide of the zip.
pub(crate) const README: &str = "\
EVIDENCE ABOUT A TRANSACTION
============================

report.en.html, report.ru.html   the same report in English and Russian; open it in a browser
shown/canonical.bin              the exact bytes that were signed (missing when the text was erased)
shown/text.txt                   the text in them, shown/attachment.bin what went with it
digest.bin                       SHA-256 of those bytes
signature.der, public-key.pem    the signature and the key of the device (missing when there is none)
declination/canonical.bin        the exact bytes of the reason of a declination (missing when it was erased, or given before it was kept apart)
declination/reason.txt           the words in them
events/*.event                   events as they are stored
events/*.record                  their records in the journal; `stored` is SHA-256 of the .event
events/*.tlog-proof              proofs that the records are in the journal (C2SP tlog-proof)
checkpoint                       the signed state of the journal they are proven by
policy                           the key of the journal, as this file claims it

Compare the key in `policy` with the one you were given another way. If they differ, nothing here proves anything.

Check with OpenSSL 3 and countersign-verify (or run `sh check.sh`):

  openssl pkeyutl -verify -pubin -inkey public-key.pem -sigfile signature.der -in digest.bin -pkeyopt digest:sha256
  openssl dgst -sha256 -verify public-key.pem -signature signature.der shown/canonical.bin
  countersign-verify --policy policy events

The first says that the key has signed the digest, the second that what was shown has that digest, the third that the journal
holds the events and that nobody has altered them. That the key was this person's is said by the events register_public_key
and create_user. canonical.bin is eight fields, each preceded by its length in four bytes: pc-tx-v1, system, user,
transaction, salt, type of the text, text, SHA-256 of the attachment or nothing.

declination/canonical.bin is five such fields: pc-reason-v1, system/user, transaction, salt, reason. Its SHA-256 is the
`reason_digest` in the event of the declination; check.sh looks for its bytes there.


ДОКАЗАТЕЛЬСТВА ПО ТРАНЗАКЦИИ
============================

report.ru.html    отчёт для чтения; shown/ - точные байты, которые были показаны и подписаны (нет, если текст удалён);
digest.bin        их SHA-256; signature.der и public-key.pem - подпись и открытый ключ устройства;
declination/      точные байты причины отказа и сама причина (нет, если удалена); их SHA-256 стоит в событии отказа;
events/           события, как они хранятся, их записи в журнале и доказательства; checkpoint - подписанное состояние журнала;
policy            ключ журнала. Сравните его с полученным отдельно: если они различаются, эти файлы ничего не доказывают.

Проверка - тремя командами выше или `sh check.sh`. Первая показывает, что ключ подписал дайджест; вторая - что показанное имеет
этот дайджест; третья - что события есть в журнале и не изменены.
";

/// The beginning of the script.
pub(crate) const CHECK: &str = "#!/bin/sh
# Checks these files. VERIFY names countersign-verify when it is not on the path.
set -e
cd \"$(dirname \"$0\")\"
";

/// The signature over the digest.
pub(crate) const CHECK_SIGNATURE: &str =
    "openssl pkeyutl -verify -pubin -inkey public-key.pem -sigfile signature.der -in digest.bin -pkeyopt digest:sha256
";

/// The signature over what was shown.
pub(crate) const CHECK_SHOWN: &str =
    "openssl dgst -sha256 -verify public-key.pem -signature signature.der shown/canonical.bin
";

/// The reason of a declination: its digest stands in an event.
pub(crate) const CHECK_REASON: &str =
    "reason=$(openssl dgst -sha256 -r declination/canonical.bin | cut -c 1-64)
cat events/*.event | od -An -v -tx1 | tr -d ' \\n' | grep -q \"$reason\"
echo \"reason of the declination: its digest is in the events\"
";

/// The events.
pub(crate) const CHECK_EVENTS: &str = "${VERIFY:-countersign-verify} --policy policy events
";
