"""NoticeService: the language that people are told in."""

from chassis.db import Database, Unit
from ombud.credit.v1 import notice_service_pb2 as pb
from ombud.credit.v1.notice_service_pb2_grpc import NoticeServiceServicer as Contract
from services.credit import wire
from services.credit.notices import store
from services.credit.notices.domain import Language

_LANGUAGES = {
    pb.NOTICE_LANGUAGE_ENGLISH: Language.ENGLISH,
    pb.NOTICE_LANGUAGE_CHINESE: Language.CHINESE,
}


class NoticeServicer(Contract):
    """Keeps the language of notices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ChooseNoticeLanguage(
        self, request: pb.ChooseNoticeLanguageRequest, _context: wire.Context
    ) -> pb.ChooseNoticeLanguageResponse:
        """Chooses the language of all further notices to a subject."""

        def command(unit: Unit) -> pb.ChooseNoticeLanguageResponse:
            store.choose_language(unit.session, wire.subject(request.subject), _LANGUAGES[request.language])
            unit.audit("credit.notice_language.chosen", subject=request.subject)
            return pb.ChooseNoticeLanguageResponse(language=request.language)

        return await self._database.write(command)
