//! The one error table: number, manual name, HTTP status, text. Nothing outside this module writes an error number.
//!
//! A status in brackets is ours: the manual names none for that code. Source: reference manual, "Error codes".

mod russian;

macro_rules! error_table {
    ($($number:literal $name:ident $id:literal $status:tt $text:literal,)*) => {
        /// A code of the reference manual's error table. `Normal` (0) is success.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum ErrorCode {
            $(#[doc = $text] $name = $number,)*
        }

        impl ErrorCode {
            /// Every code, in the order of its number.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$name,)*];

            /// The code with that number, if the table has it.
            pub fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            /// The manual's identifier, for example `TRANSACTION_EXPIRED`.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// What the caller reads, in English.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status the manual gives; `None` where it gives none.
            pub fn manual_http_status(self) -> Option<u16> {
                match self { $(Self::$name => stated!($status),)* }
            }

            /// The HTTP status we answer with: the manual's, else 400.
            pub fn http_status(self) -> u16 {
                self.manual_http_status().unwrap_or(400)
            }
        }
    };
}

/// `(400)` stands for "the manual is silent, we answer 400".
macro_rules! stated {
    ((400)) => {
        None
    };
    ($status:literal) => {
        Some($status)
    };
}

error_table! {
    0 Normal "NORMAL" 200 "No error",
    100 JavaInternalError "JAVA_INTERNAL_ERROR" 500 "Internal error",
    200 SystemPropertyError "SYSTEM_PROPERTY_ERROR" (400) "Error in the information-system settings",
    201 SystemIdIsNull "SYSTEM_ID_IS_NULL" (400) "System ID not given",
    202 SystemIdIsWrong "SYSTEM_ID_IS_WRONG" (400) "System ID is wrong",
    203 SystemNotFound "SYSTEM_NOT_FOUND" (400) "System not found",
    204 SystemIsDeleted "SYSTEM_IS_DELETED" 410 "System is deleted",
    205 SystemNameIsNull "SYSTEM_NAME_IS_NULL" (400) "System name not given",
    206 UserIdIsNull "USER_ID_IS_NULL" (400) "User ID not given",
    207 UserIdPrefIsNull "USER_ID_PREF_IS_NULL" (400) "User ID prefix not given",
    208 UserNotFound "USER_NOT_FOUND" (400) "User not found",
    209 UserIsDeleted "USER_IS_DELETED" 410 "User is deleted",
    210 DsVerifyError "DS_VERIFY_ERROR" (400) "Digital signature is not valid",
    211 DsStructError "DS_STRUCT_ERROR" (400) "Digital signature structure is not valid",
    212 StoreTypeIsWrong "STORE_TYPE_IS_WRONG" (400) "Storage type is wrong",
    213 KeyContainerAliasIsNull "KEY_CONTAINER_ALIAS_IS_NULL" (400) "Key container alias not given",
    214 KeyContainerNotExists "KEY_CONTAINER_NOT_EXISTS" (400) "Key container does not exist",
    215 TransactionDataUidError "TRANSACTION_DATA_UID_ERROR" (400) "Wrong transaction data (user ID does not match)",
    216 TransactionDataError "TRANSACTION_DATA_ERROR" (400) "Wrong transaction data",
    217 TransactionDataIsNull "TRANSACTION_DATA_IS_NULL" (400) "Transaction data not given",
    218 ReportTplIsNull "REPORT_TPL_IS_NULL" (400) "Wrong report template",
    219 RequestError "REQUEST_ERROR" (400) "Error in the request",
    220 SystemIdNotUnique "SYSTEM_ID_NOT_UNIQUE" (400) "System ID is not unique",
    221 RequestSignatureNotValid "REQUEST_SIGNATURE_NOT_VALID" (400) "Request signature is not valid",
    222 SystemNotValid "SYSTEM_NOT_VALID" (400) "System is not trusted",
    231 TransactionIsNull "TRANSACTION_IS_NULL" (400) "Transaction not found",
    232 TransactionChecked "TRANSACTION_CHECKED" (400) "Transaction data already checked",
    233 ErrorParseRegisterSystemInfo "ERROR_PARSE_REGISTER_SYSTEM_INFO" (400) "Cannot parse the system registration request",
    234 IncorrectUserType "INCORRECT_USER_TYPE" (400) "Incorrect user type",
    235 CollectionIsEmpty "COLLECTION_IS_EMPTY" (400) "Empty collection",
    236 NoResult "NO_RESULT" (400) "No results",
    237 PinIsEmpty "PIN_IS_EMPTY" (400) "PIN code not given",
    238 FprintIsEmpty "FPRINT_IS_EMPTY" (400) "User fingerprint not given",
    239 OtpIsNotValid "OTP_IS_NOT_VALID" (400) "Wrong OTP",
    240 ValidDateExpired "VALID_DATE_EXPIRED" (400) "Registration period has expired",
    241 SystemTypeIsWrong "SYSTEM_TYPE_IS_WRONG" (400) "Wrong system type",
    242 SpartLengthIsWrong "SPART_LENGTH_IS_WRONG" (400) "Wrong length of the 2nd part of the key information",
    243 DataTypeIsWrong "DATA_TYPE_IS_WRONG" (400) "Wrong data type",
    244 InvalidHmac "INVALID_HMAC" 401 "Confirmation code is wrong",
    245 KeyInfoNotFound "KEY_INFO_NOT_FOUND" (400) "No active key information",
    246 WrongSystemType "WRONG_SYSTEM_TYPE" (400) "Wrong system type",
    247 FprintIsNotEmpty "FPRINT_IS_NOT_EMPTY" (400) "Fingerprint already set",
    248 WrongAuthCode "WRONG_AUTH_CODE" 401 "Wrong authentication code",
    249 ConfirmTypeIsNull "CONFIRM_TYPE_IS_NULL" (400) "Confirmation type not given",
    250 StoreTypeIsNull "STORE_TYPE_IS_NULL" (400) "Storage type not given",
    251 DeviceTypeIsNull "DEVICE_TYPE_IS_NULL" (400) "Device type not given",
    252 TransactionDataTypeIsNull "TRANSACTION_DATA_TYPE_IS_NULL" (400) "Data type not given",
    253 UserIdPrefTooLong "USER_ID_PREF_TOO_LONG" (400) "User ID prefix exceeds the permitted length",
    254 ConfirmCodeLengthIsWrong "CONFIRM_CODE_LENGTH_IS_WRONG" 401 "Wrong confirmation code length",
    255 ConfirmCodeIsNull "CONFIRM_CODE_IS_NULL" (400) "Confirmation code not given",
    256 TransactionIdIsNull "TRANSACTION_ID_IS_NULL" (400) "Transaction ID not given",
    257 StatusListIsEmpty "STATUS_LIST_IS_EMPTY" (400) "Status list not given",
    258 DeviceIdIsNull "DEVICE_ID_IS_NULL" (400) "Device ID not given",
    259 DeviceTypeIsIncorrect "DEVICE_TYPE_IS_INCORRECT" (400) "Device type is incorrect",
    261 InvalidOtp "INVALID_OTP" (400) "Confirmation code is wrong",
    263 InvalidKdf "INVALID_KDF" (400) "Unsupported format of the kdfFunc parameter",
    264 PinLengthIsWrong "PIN_LENGTH_IS_WRONG" (400) "Wrong PIN code length",
    265 PushIdIsNull "PUSH_ID_IS_NULL" (400) "Notification identifier not given",
    267 TransactionStatusInvalid "TRANSACTION_STATUS_INVALID" (400) "Transaction status is wrong",
    268 AuthCodeIsNull "AUTH_CODE_IS_NULL" (400) "Authentication code not given",
    269 StatusListIsIncorrect "STATUS_LIST_IS_INCORRECT" (400) "Error in the status list",
    270 DeclineReasonIsNull "DECLINE_REASON_IS_NULL" (400) "Decline reason not passed",
    271 TransactionIsNotUnique "TRANSACTION_IS_NOT_UNIQUE" (400) "A transaction with this ID already exists",
    272 BillDateCorrupted "BILL_DATE_CORRUPTED" (400) "Billing period closing date is stored incorrectly",
    273 UserBillDateCorrupted "USER_BILL_DATE_CORRUPTED" (400) "User billing period closing date is stored incorrectly",
    274 TransactionIsDeleted "TRANSACTION_IS_DELETED" 410 "Transaction is marked as deleted",
    275 BillRequestAlreadyProcessed "BILL_REQUEST_ALREADY_PROCESSED" (400) "Billing for this date is already closed",
    276 PubkeyIsEmpty "PUBKEY_IS_EMPTY" (400) "Public key is missing",
    277 PubkeyIsNotEmpty "PUBKEY_IS_NOT_EMPTY" (400) "Public key already set",
    278 SignatureIsInvalid "SIGNATURE_IS_INVALID" (400) "Signature is wrong",
    279 SignatureIsNull "SIGNATURE_IS_NULL" (400) "Signature not given",
    280 SignatureAndConfirmCodeAreNull "SIGNATURE_AND_CONFIRM_CODE_ARE_NULL" (400) "A signature or a confirmation code must be given",
    281 TransactionExpired "TRANSACTION_EXPIRED" (400) "Transaction lifetime has ended",
    282 JsonSchemeNotSupported "JSON_SCHEME_NOT_SUPPORTED" (400) "JSON request version is not supported",
    283 JsonRequestIncorrect "JSON_REQUEST_INCORRECT" (400) "JSON request does not match the schema",
    284 LicenseUpdateError "LICENSE_UPDATE_ERROR" (400) "License loading error",
    285 LicenseExpired "LICENSE_EXPIRED" (400) "License has expired",
    286 LicenseUserCountExceeded "LICENSE_USER_COUNT_EXCEEDED" (400) "The license's user count has been reached",
    287 BillingTypeCorrupted "BILLING_TYPE_CORRUPTED" (400) "Licensing type was changed",
    288 HttpAuthCodeInvalid "HTTP_AUTH_CODE_INVALID" 401 "Authorization by HTTP header failed",
    289 NotSupported "NOT_SUPPORTED" 404 "Method is not supported",
    290 ExtAuthTemplateNotFound "EXT_AUTH_TEMPLATE_NOT_FOUND" 401 "Template for additional authentication not found",
    291 ExtAuthFailed "EXT_AUTH_FAILED" 401 "Additional authentication failed",
    292 ExtAuthTypeNotSupported "EXT_AUTH_TYPE_NOT_SUPPORTED" (400) "Additional authentication type is not supported",
    293 ExtAuthNeeded "EXT_AUTH_NEEDED" (400) "External authentication is needed",
    294 UserIsBlocked "USER_IS_BLOCKED" 423 "User is blocked",
    295 KeyExpired "KEY_EXPIRED" (400) "Key has expired",
    296 LicenseNotFound "LICENSE_NOT_FOUND" (400) "License not found",
    297 PushNotFound "PUSH_NOT_FOUND" (400) "Notification identifier not found",
    298 ScoringSettingsIsNull "SCORING_SETTINGS_IS_NULL" (400) "Scoring data must be set",
    299 AutosingSignatureIsInvalid "AUTOSING_SIGNATURE_IS_INVALID" (400) "Signature is wrong (autosign signature)",
    300 ServerScoringSettingsIncorrect "SERVER_SCORING_SETTINGS_INCORRECT" (400) "Server scoring settings are wrong",
    301 ScoringFailed "SCORING_FAILED" (400) "Failed to obtain scoring",
    302 HighScoringRiskLevel "HIGH_SCORING_RISK_LEVEL" (400) "Risk level is too high",
    304 AutosignFailed "AUTOSIGN_FAILED" (400) "Autosign error",
    305 AutosignNotAllowed "AUTOSIGN_NOT_ALLOWED" (400) "Autosign is forbidden",
    306 AttemptIdIsNull "ATTEMPT_ID_IS_NULL" (400) "Attempt ID not given",
    307 FlexibleLicenseError "FLEXIBLE_LICENSE_ERROR" (400) "Flexible license error",
    308 UnsupportedBillingType "UNSUPPORTED_BILLING_TYPE" (400) "Unsupported billing type",
    309 LicenseError "LICENSE_ERROR" (400) "License error",
    310 OperationNotExists "OPERATION_NOT_EXISTS" (400) "Operation does not exist",
    311 TransactionIsNotInOperation "TRANSACTION_IS_NOT_IN_OPERATION" (400) "Transaction is not included in the operation",
    312 OperationStatusInvalid "OPERATION_STATUS_INVALID" (400) "Operation status is not valid",
    313 CreateOperationError "CREATE_OPERATION_ERROR" (400) "Error while creating the operation",
    314 RemoteUpdateError "REMOTE_UPDATE_ERROR" (400) "Error updating keys by additional authentication",
    315 RemoteUpdateErrorBlock "REMOTE_UPDATE_ERROR_BLOCK" (400) "Error updating keys by additional authentication; attempt limit exhausted, user blocked",
    316 RemoteUpdateDisabled "REMOTE_UPDATE_DISABLED" (400) "Key update by additional authentication is disabled",
    317 OperationExpired "OPERATION_EXPIRED" (400) "Time to confirm the operation has expired",
    318 DnIsNull "DN_IS_NULL" (400) "Distinguished Name object must be set",
    319 CertRequestParamsIsNull "CERT_REQUEST_PARAMS_IS_NULL" (400) "Certificate Request object must be set",
    320 CertIssueError "CERT_ISSUE_ERROR" (400) "Certificate issue error",
    321 NoCertRequest "NO_CERT_REQUEST" (400) "Certificate request or certificate is missing",
    322 NoCert "NO_CERT" (400) "Certificate is missing",
    323 NoPkiSettingsDefined "NO_PKI_SETTINGS_DEFINED" (400) "PKI settings file is not specified",
    324 CanNotUseCertificateChain "CAN_NOT_USE_CERTIFICATE_CHAIN" (400) "Cannot build the certification chain",
    325 CertStatusInvalid "CERT_STATUS_INVALID" (400) "Wrong certificate status",
    326 CertRevokeError "CERT_REVOKE_ERROR" (400) "Certificate revocation error",
    327 CertDoesNotMatch "CERT_DOES_NOT_MATCH" (400) "Certificate does not match",
    328 IncorrectTransactionType "INCORRECT_TRANSACTION_TYPE" (400) "Incorrect transaction type",
    329 IncorrectAccessPermissions "INCORRECT_ACCESS_PERMISSIONS" (400) "Incorrect file access permissions",
    330 IncorrectPdfData "INCORRECT_PDF_DATA" (400) "Incorrect PDF file",
    331 PdfDataNotCompliesCms "PDF_DATA_NOT_COMPLIES_CMS" (400) "PDF binary data do not correspond to the transaction's CMS",
    333 UrlSchemeNotDefined "URL_SCHEME_NOT_DEFINED" (400) "URL scheme not given",
    334 PubkeySignatureIsEmpty "PUBKEY_SIGNATURE_IS_EMPTY" (400) "When registering a new key, its signature by the old key is missing",
    335 AutosignPubkeySignatureIsEmpty "AUTOSIGN_PUBKEY_SIGNATURE_IS_EMPTY" (400) "When registering a new autosign key, its signature by the old one is missing",
    336 KeyIndexObsoleted "KEY_INDEX_OBSOLETED" (400) "User key has been replaced by a new one (reissued)",
    337 KeyIndexWrong "KEY_INDEX_WRONG" (400) "Wrong user key number",
    338 DeviceFingerprintMismatch "DEVICE_FINGERPRINT_MISMATCH" (400) "Device fingerprint does not match the stored one",
    339 RequestIsLockedByAnotherRequest "REQUEST_IS_LOCKED_BY_ANOTHER_REQUEST" (400) "A similar request is already being processed",
    340 KeyNotActivated "KEY_NOT_ACTIVATED" (400) "Key is not activated",
    341 ActivationAttemptsExceeded "ACTIVATION_ATTEMPTS_EXCEEDED" (400) "Number of activation attempts exceeded",
    342 ActivationCodeIncorrect "ACTIVATION_CODE_INCORRECT" (400) "Activation code is wrong",
    343 PasswordAttemptsExceeded "PASSWORD_ATTEMPTS_EXCEEDED" (400) "Number of password attempts exceeded",
    344 PasswordIncorrect "PASSWORD_INCORRECT" (400) "Wrong password",
    345 PasswordNotSet "PASSWORD_NOT_SET" (400) "Password was not set",
    346 CredentialsNotInitialized "CREDENTIALS_NOT_INITIALIZED" (400) "Password was not set (credentials not initialized)",
    347 GostImitDoesntMatch "GOST_IMIT_DOESNT_MATCH" (400) "GOST MAC (imitovstavka) is incorrect",
    348 EventsRemovementIsNotAllowed "EVENTS_REMOVEMENT_IS_NOT_ALLOWED" 403 "Removing event records is not allowed",
    349 TimeSyncError "TIME_SYNC_ERROR" 401 "Time differs significantly between the mobile device and the server",
    350 QrGenerationError "QR_GENERATION_ERROR" (400) "Cannot generate the QR: too much data",
    351 CryptTypeIsNotDefined "CRYPT_TYPE_IS_NOT_DEFINED" (400) "Cryptography type not given",
    352 FeatureIsNotLicensed "FEATURE_IS_NOT_LICENSED" (400) "Option is not licensed",
}

impl ErrorCode {
    /// The number on the wire.
    pub fn number(self) -> u16 {
        self as u16
    }

    /// Is this the code of success?
    pub fn is_success(self) -> bool {
        self == Self::Normal
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.number(), self.id())
    }
}

impl serde::Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.number())
    }
}

impl<'de> serde::Deserialize<'de> for ErrorCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u16::deserialize(deserializer)?;
        Self::from_number(number)
            .ok_or_else(|| serde::de::Error::custom(format!("no error code {number}")))
    }
}
